"""Pages of documentation whose blocks run as they stand, in order, in an empty folder."""

import contextlib
import io
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

SELF_CONTAINED = (
    "docs/start.md",
    "docs/cookbook/photos.md",
    "docs/cookbook/geometry.md",
    "docs/cookbook/scores.md",
    "docs/cookbook/train.md",
)
"""In the order of reading: a page may use what an earlier one made."""

ROOT_FILES = ("params.yaml", "dvc.yaml")
"""What makes a folder the root of a clone to a training; linked where the pages run."""

NOT_RUN = "Not run by the tests: "
"""Begins the title of a block that cannot run everywhere; the reason follows, and is shown."""

_FENCE = re.compile(r"^([ ]*)```([a-z]*)(.*)$")
_TITLE = re.compile(r'title="([^"]*)"')


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Path in the repository.
        line: Of its first line of text, from 1.
        language: As written behind the fence, `""` for none.
        title: Shown above the block, `""` for none.
        text: Without the indentation of the fence.
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def why_not(self) -> str | None:
        """The visible reason why it is not run, None if it is."""
        return self.title.removeprefix(NOT_RUN) if self.title.startswith(NOT_RUN) else None


@dataclass(frozen=True)
class BlockResult:
    """What became of a block: `said` is the end of its output, `code` 0 if all went well."""

    block: Block
    code: int
    said: str
    seconds: float


def blocks(page: str, text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, indented ones (in tabs and notes) too."""
    opened: re.Match[str] | None = None
    start, lines = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif opened is None:
            opened, start, lines = fence, number + 1, []
        else:
            indent, language, rest = opened.groups()
            title = _TITLE.search(rest)
            body = "\n".join(one.removeprefix(indent) for one in lines) + "\n"
            yield Block(page, start, language, title[1] if title else "", body)
            opened = None


def run_page(page: str, root: Path, folder: Path) -> Iterator[BlockResult]:
    """Run the Python and shell blocks of a page, one after the other, as a reader pastes them.

    Python runs in this process, each block with names of its own, so that torch is imported once.

    Args:
        page: Path in the repository.
        root: The repository.
        folder: Where they run.

    Yields:
        An outcome for each block that runs here.
    """
    for name in ROOT_FILES:
        if (root / name).is_file() and not (folder / name).exists():
            (folder / name).symlink_to((root / name).resolve())
    for block in blocks(page, (root / page).read_text()):
        if block.language not in _RUNNERS or block.why_not is not None:
            continue
        start = time.monotonic()
        code, said = _RUNNERS[block.language](block, folder)
        end = "\n".join(said.strip().splitlines()[-12:])
        yield BlockResult(block, code, end, time.monotonic() - start)


def _run_python(block: Block, folder: Path) -> tuple[int, str]:
    said = io.StringIO()
    try:
        with contextlib.chdir(folder), redirect_stdout(said):
            # the pages are ours, as the code is
            exec(compile(block.text, f"{block.page}:{block.line}", "exec"), {"__name__": "page"})
    except Exception:  # noqa: BLE001  whatever the block raises is its outcome
        return 1, said.getvalue() + traceback.format_exc()
    return 0, said.getvalue()


def _run_shell(block: Block, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=block.text,
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


_RUNNERS = {"python": _run_python, "sh": _run_shell}
