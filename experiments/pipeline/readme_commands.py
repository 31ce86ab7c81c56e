"""`python -m experiments.pipeline.readme_commands list|check|run`.

The commands that READMEs promise.

`list` prints them, `check` names those whose program, options, stages or sections do not exist
(exit code 1). `run` runs those of README.md in a clone, as a reader would paste them: `make repro`
first.
"""

import argparse
import importlib
import io
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path

import yaml

from experiments.pipeline import params
from experiments.pipeline.revision import REPO
from panodepth.cli import subcommands

README = "README.md"
PAGES = (README, "experiments/*/README.md")
PAPERS = ("experiments.da2", "experiments.dap", "experiments.depth_anywhere")
SERVE_S = 30.0
"""Seconds after which a command that serves pages is ended; it must still be running then."""

_BLOCK = re.compile(r"^```(?:bash|sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_STAND_INS = {
    "PATH...": "$(find data/raw/stanford2d3d -path '*/pano/rgb/*' | head -1)",
    "--root DIR": "--root data/raw/stanford2d3d",
    "audit structured3d DIR": "audit structured3d data/raw/structured3d",
    "reconstruct DIR --out out/": "reconstruct out/ --out out/room",
}
"""What `run` puts in place of the words in capitals."""


def commands(text: str) -> list[str]:
    """Return the commands in the code blocks of a page, without comments, in order."""
    found = []
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True) if _is_command(line) else []
            if words:
                found.append(shlex.join(words) if "PATH..." not in words else " ".join(words))
    return found


def _is_command(line: str) -> bool:
    first, *_ = [*line.split(), ""]
    return first in _CHECKS or first.startswith("scripts/")


def pages(root: Path = REPO) -> Iterator[tuple[str, str]]:
    """Yield each page with each command on it."""
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            for command in commands(path.read_text()):
                yield path.relative_to(root).as_posix(), command


def problem(command: str, root: Path = REPO) -> str | None:
    """Return what is wrong with a command, None if everything that it names exists."""
    words = shlex.split(command)
    if words[0].startswith("scripts/"):
        return None if (root / words[0]).is_file() else f"there is no {words[0]}"
    return _CHECKS[words[0]](words[1:], root)


def _make(words: Sequence[str], root: Path) -> str | None:
    targets = re.findall(r"^(\w+):", (root / "Makefile").read_text(), re.MULTILINE)
    unknown = [word for word in words if "=" not in word and word not in targets]
    return f"the Makefile has no target {unknown[0]}" if unknown else None


def _panodepth(words: Sequence[str], root: Path) -> str | None:
    known = subcommands()
    if not words or words[0] not in known:
        return f"got {words[:1]}, expected one of {sorted(known)}"
    parser = argparse.ArgumentParser(prog=f"panodepth {words[0]}")
    importlib.import_module(known[words[0]].module).add_arguments(parser)
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            parser.parse_args(words[1:])
    except SystemExit:
        return told.getvalue().strip().splitlines()[-1]
    return None


def _python(words: Sequence[str], root: Path) -> str | None:
    if words[0] != "-m" or find_spec(words[1]) is None:
        return f"there is no module {words[1]}"
    module, arguments = words[1], list(words[2:])
    if module in PAPERS:
        return _fails([module, *arguments, "--print_config"], root)
    if module == "experiments.ablations":
        return _fails([module, "list", *arguments[1:]], root)
    sections = params.read_params(root / "params.yaml")
    if module.startswith(PAPERS) and arguments[0] not in sections:
        return f"params.yaml has no section {arguments[0]}"
    return None


def _fails(module: Sequence[str], root: Path) -> str | None:
    done = subprocess.run(
        [sys.executable, "-m", *module], cwd=root, capture_output=True, text=True, check=False
    )
    return (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else None


def _dvc(words: Sequence[str], root: Path) -> str | None:
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    unknown = [word for word in words[1:] if word.partition("@")[0] not in stages]
    return f"dvc.yaml has no stage {unknown[0]}" if unknown else None


def _pip(words: Sequence[str], root: Path) -> str | None:
    missing = [w for w in words if w.startswith("./") and not (root / w.partition("[")[0]).is_dir()]
    return f"there is no folder {missing[0]}" if missing else None


def _source(words: Sequence[str], root: Path) -> str | None:
    return None if list(words) == [".venv/bin/activate"] else f"got {words}"


_CHECKS: dict[str, Callable[[Sequence[str], Path], str | None]] = {
    "make": _make,
    "panodepth": _panodepth,
    "python": _python,
    "dvc": _dvc,
    "pip": _pip,
    ".": _source,
}


def run(clone: Path, skip: Sequence[str]) -> int:
    """Run the commands of a clone's README.md one after the other; return how many failed.

    Args:
        clone: A clone of the repository.
        skip: Commands that start with one of these are left out.
    """
    failed = 0
    for command in commands((clone / README).read_text()):
        if any(command.startswith(start) for start in skip):
            continue
        pasted = command
        for words, real in _STAND_INS.items():
            pasted = pasted.replace(words, real)
        serves = command.startswith(("make ui", "panodepth view"))
        activate = "" if command.startswith("make") else ". .venv/bin/activate && "
        limit = f"timeout {SERVE_S:g} " if serves else ""
        start = time.monotonic()
        line = f"{activate}{'' if command.startswith('. ') else limit}{pasted}"
        code = subprocess.run(["bash", "-c", line], cwd=clone, check=False).returncode
        good = code == (124 if serves else 0)
        failed += not good
        seconds = time.monotonic() - start
        sys.stdout.write(f"{'ok' if good else f'FAILED ({code})'}\t{seconds:.0f} s\t{command}\n")
        sys.stdout.flush()
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    """List, check or run the commands; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.pipeline.readme_commands")
    parser.add_argument("what", choices=("list", "check", "run"))
    parser.add_argument("--clone", type=Path, default=REPO, help="where to run (default: here)")
    parser.add_argument("--skip", nargs="*", default=[], help="leave out what starts so")
    args = parser.parse_args(argv)
    if args.what == "run":
        return int(run(args.clone, args.skip) > 0)
    bad = 0
    for page, command in pages():
        told = problem(command) if args.what == "check" else None
        bad += told is not None
        if args.what == "list" or told is not None:
            sys.stdout.write(f"{page}\t{command}{'' if told is None else f': {told}'}\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
