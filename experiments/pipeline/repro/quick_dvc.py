"""`python -m experiments.pipeline.repro.quick_dvc ...`: `dvc ...`, faster with many stages.

DVC reads, keeps comments of and writes the whole of `dvc.lock` after every stage: some 5 s of
processor time with the 20,000 lines that the code behind every number makes here, 5 minutes in all.
The stages are independent blocks of the file, so that it is enough to write the block that changed.
Results are those of `dvc`, the bytes of `dvc.lock` too (a test compares them). `scripts/repro.sh`
uses it.

DVC also parses params.yaml once for every stage, and visits all of it for every key: a third of
`dvc status`. Here it is parsed when it has changed, and a key is looked up.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, reduce
from os import PathLike
from pathlib import Path
from typing import Any

from dvc import dvcfile
from dvc.cli import main
from dvc.dependency import param
from dvc.dependency.param import read_param_file
from dvc.fs import localfs
from dvc.utils.serialize import load_path, modify_yaml
from dvc.utils.serialize._yaml import dumps_yaml, parse_yaml

from experiments.pipeline.repro.journal import is_watched, watch_stages
from pano_data import write_text

HEAD = "schema: '2.0'\nstages:\n"
BLOCK = re.compile(r"^  (?! ).*\n(?:    .*\n|  - .*\n)*", re.MULTILINE)


class StageBlocks:
    """The stages of a lock file as blocks of text, each read when it is asked for.

    Attributes:
        blocks: Text by name of the stage, in the order of the file.
    """

    def __init__(self, blocks: dict[str, str]) -> None:
        self.blocks = blocks

    def get(self, name: str, default: Any = None) -> Any:
        """Return what the file holds of a stage."""
        if name not in self.blocks:
            return default
        return next(iter(parse_yaml(self.blocks[name], "dvc.lock").values()))

    def update(self, stages: Mapping[str, Any]) -> None:
        """Replace stages, or add them at the end, as `dict.update` does."""
        for name, stage in stages.items():
            self.blocks[name] = _text_of({"stages": {name: stage}}).removeprefix("stages:\n")

    def text(self) -> str:
        """Return the lock file, byte for byte as DVC writes it."""
        return HEAD + "".join(self.blocks.values())


def _text_of(data: Mapping[str, Any]) -> str:
    text: str = dumps_yaml(data)
    return text


def split(text: str) -> StageBlocks | None:
    """Take a lock file apart; None where it is not of the form that DVC writes."""
    if not text.startswith(HEAD):
        return None
    rest = text[len(HEAD) :]
    blocks = BLOCK.findall(rest)
    if "".join(blocks) != rest:
        return None
    names = [next(iter(parse_yaml(block.splitlines()[0], "dvc.lock"))) for block in blocks]
    return StageBlocks(dict(zip(names, blocks, strict=True)))


@contextmanager
def modify_lock(path: str | PathLike[str], fs: Any = None) -> Iterator[Any]:
    """Stand in for DVC's `modify_yaml` where it changes stages of a lock file.

    Args:
        path: The lock file. One that is missing, or that DVC has not written, is left to DVC.
        fs: As DVC passes it.
    """
    file = Path(path)
    stages = split(file.read_text("utf-8")) if file.is_file() else None
    if stages is None:
        with modify_yaml(path, fs=fs) as data:
            yield data
        return
    yield {"schema": "2.0", "stages": stages}
    write_text(file, stages.text())


@lru_cache(maxsize=8)
def _parsed(path: str, *stamp: int) -> Any:
    return load_path(path, localfs)


def read_values(
    fs: Any,
    path: str,
    key_paths: list[str] | None = None,
    flatten: bool = False,
    **options: Any,
) -> Any:
    """Stand in for DVC's `read_param_file` where it reads dotted keys of a local file.

    Args:
        fs: As DVC passes it. Another file system than the local one is left to DVC.
        path: Values file.
        key_paths: Keys to read, `section.key`; all is left to DVC.
        flatten: Whether the result is flat, `{"section.key": value}`; nested is left to DVC.
        options: As DVC passes them; any is left to DVC.
    """
    if fs.protocol != "local" or not (key_paths and flatten) or options:
        return read_param_file(fs, path, key_paths, flatten, **options)
    stat = Path(path).stat()
    values = _parsed(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    found = {}
    for key in key_paths:
        try:
            found[key] = reduce(_member, key.split("."), values)
        except KeyError:  # a pattern, the number of an item, or nothing
            found |= read_param_file(fs, path, [key], flatten)
    return found


def _member(node: Any, name: str) -> Any:
    if not isinstance(node, dict):
        raise KeyError(name)
    return node[name]


def run(arguments: list[str]) -> int:
    """Run DVC with the arguments of a command line; return its exit status."""
    hasten()
    if is_watched():
        watch_stages()
    status: int = main(arguments)
    return status


def hasten() -> None:
    """Put what is faster into DVC, in this process."""
    dvcfile.modify_yaml = modify_lock
    param.read_param_file = read_values


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
