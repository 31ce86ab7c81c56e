"""`python -m experiments.pipeline.readme_commands list|check|run`.

The shell lines that README.md, the READMEs of packages and papers, and docs/ promise.

`list` prints them, with the reason of those that cannot run everywhere: a comment that says
`needs ...` or `takes ...`, or the title of their block. `check` names those whose program, options,
stages or sections do not exist (exit code 1). `run` runs the others as a reader would paste them:
pages that are read from top to bottom in an empty folder, the rest in a clone after `make repro`.
"""

import argparse
import importlib
import io
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from experiments.pipeline import params
from experiments.pipeline.pages import SELF_CONTAINED, blocks, run_page
from experiments.pipeline.revision import REPO
from panodepth.cli import subcommands

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/**/*.md",
    "packages/*/README.md",
    "experiments/*/README.md",
)
PAPERS = ("experiments.da2", "experiments.dap", "experiments.depth_anywhere")
SERVE_S = 30.0
"""Seconds after which a command that serves pages is ended; it must still be running then."""

USAGE = "Usage"
"""Title of a block that lists options in brackets; its options are checked, nothing is run."""

_REASON = re.compile(r"#.*?\b((?:needs (?!no )|takes ).*)$")
_SHELL = frozenset({"cat", "cp", "for", "do", "done", "git", "ls", "mkdir", "python3", "uv"})
_LONG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_ALTERNATIVES = re.compile(r"(--[a-z][a-z-]*) ([\w-]+(?:\|[\w-]+)+)")
_STAND_INS = {
    "photo.jpg": "$(find data/raw/stanford2d3d -path '*/pano/rgb/*' | head -1)",
    "PATH...": "$(find data/raw/stanford2d3d -path '*/pano/rgb/*' | head -1)",
    "--root DIR": "--root data/raw/stanford2d3d",
    "audit structured3d DIR": "audit structured3d data/raw/structured3d",
    "reconstruct DIR --out out/": "reconstruct out/ --out out/room",
    "train PHOTOS DEPTH --units 1000": (
        "train $(find data/raw/stanford2d3d -path '*/pano/rgb' | sort | head -1) "
        "$(find data/raw/stanford2d3d -path '*/pano/depth' | sort | head -1) "
        "--units 512 --invalid 65535 --steps 4"
    ),
    "--out runs/mine": "--out $(mktemp -d)/mine",  # two pages name it, and it must be a new one
}
"""What `run` puts in place of the words in capitals, and of folders that must not exist yet."""


@dataclass(frozen=True)
class Line:
    """A shell line of a page.

    Attributes:
        page: Path in the repository.
        command: Without its comment.
        why_not: The visible reason why it cannot run everywhere, None if it can.
        usage: It lists options in brackets.
    """

    page: str
    command: str
    why_not: str | None = None
    usage: bool = False


def lines(page: str, text: str) -> Iterator[Line]:
    """Yield the shell lines of a page, in order.

    In blocks that say `sh` every line is one, in those that say nothing what begins with a program
    of ours.
    """
    for block in blocks(page, text):
        usage = block.title == USAGE
        if block.language not in ("", "sh", "bash") and not usage:
            continue
        for raw in block.text.replace("\\\n", " ").splitlines():
            first, *_ = [*raw.split(), "#"]
            ours = first in _CHECKS or first.startswith("scripts/")
            if first.startswith("#") or not (ours or block.language == "sh"):
                continue
            reason = _REASON.search(raw)
            why_not = block.why_not or (reason[1] if reason else None)
            # a comment begins behind a space; `#` in quotes does not occur
            command = " ".join(re.split(r"\s#", raw, maxsplit=1)[0].split())
            yield Line(page, command, why_not, usage)


def pages(root: Path = REPO) -> Iterator[Line]:
    """Yield each shell line of each page."""
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            yield from lines(path.relative_to(root).as_posix(), path.read_text())


def problem(command: str, root: Path = REPO) -> str | None:
    """Return what is wrong with a command, None if everything that it names exists."""
    words = shlex.split(command)
    if words[0].startswith("scripts/"):
        return None if (root / words[0]).is_file() else f"there is no {words[0]}"
    if words[0] in _CHECKS:
        return _CHECKS[words[0]](words[1:], root) or _manifests(words, root)
    return None if words[0] in _SHELL else f"got {words[0]}, expected one of {sorted(_CHECKS)}"


def _manifests(words: Sequence[str], root: Path) -> str | None:
    """Return a manifest that the default pipeline does not make."""
    named = [word for word in words if word.startswith("data/manifests/")]
    made = (root / "params.yaml").read_text() if named else ""
    return next((f"params.yaml names no {word}" for word in named if word not in made), None)


def usage_problem(command: str) -> str | None:
    """Return what a line of usage says of options that is not so, None if all is.

    Options that do not exist, and alternatives (`--solve auto|none`) that are not those of the
    option.
    """
    words = command.split()
    known = subcommands()
    if words[0] != "panodepth" or len(words) < 2 or words[1] not in known:
        return None if words[:2] == ["panodepth", "PATH..."] else f"got {words[:2]}"
    parser = argparse.ArgumentParser(prog=f"panodepth {words[1]}")
    importlib.import_module(known[words[1]].module).add_arguments(parser)
    options = {option: action for action in parser._actions for option in action.option_strings}
    unknown = sorted({*_LONG.findall(command)} - options.keys())
    if unknown:
        return f"panodepth {words[1]} has no option {unknown[0]}"
    for option, listed in _ALTERNATIVES.findall(command):
        choices = sorted(map(str, options[option].choices or ()))
        if choices and choices != sorted(listed.split("|")):
            return f"panodepth {words[1]} {option}: got {listed}, expected {'|'.join(choices)}"
    return None


def _make(words: Sequence[str], root: Path) -> str | None:
    targets = re.findall(r"^(\w+):", (root / "Makefile").read_text(), re.MULTILINE)
    unknown = [word for word in words if "=" not in word and word not in targets]
    return f"the Makefile has no target {unknown[0]}" if unknown else None


def _panodepth(words: Sequence[str], root: Path) -> str | None:
    known = subcommands()
    if words and Path(words[0]).suffix:
        words = ("predict", *words)
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
    stages = params.parse((root / "dvc.yaml").read_text())["stages"]
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
    """Run the pages as a reader pastes them; return how many lines and blocks failed.

    Args:
        clone: A clone of the repository, after `make repro`.
        skip: Pages and commands that start with one of these are left out.
    """
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for page in SELF_CONTAINED:
            if not (clone / page).is_file() or page.startswith(tuple(skip)):
                continue
            for outcome in run_page(page, clone, Path(folder)):
                failed += _tell(outcome.code, outcome.seconds, f"{page}:{outcome.block.line}")
                if outcome.code:
                    sys.stdout.write(f"{outcome.said}\n")
    for line in pages(clone):
        if line.page in SELF_CONTAINED or line.usage or line.command.startswith(tuple(skip)):
            continue
        if line.page.startswith(tuple(skip)):
            continue
        if line.why_not is not None:
            sys.stdout.write(f"left out\t{line.why_not}\t{line.command}\n")
            continue
        failed += _run_line(line.command, clone)
    return failed


def _run_line(command: str, clone: Path) -> int:
    pasted = command
    for words, real in _STAND_INS.items():
        pasted = pasted.replace(words, real)
    program, what, *_ = [*command.split(), "", ""]
    serves = (program, what) in {("make", "ui"), ("panodepth", "view")} and "--html" not in command
    activate = "" if command.startswith("make") else ". .venv/bin/activate && "
    limit = f"timeout {SERVE_S:g} " if serves else ""
    start = time.monotonic()
    line = f"{activate}{'' if command.startswith('. ') else limit}{pasted}"
    code = subprocess.run(["bash", "-c", line], cwd=clone, check=False).returncode
    expected = 124 if serves else 0
    return _tell(0 if code == expected else code or 1, time.monotonic() - start, command)


def _tell(code: int, seconds: float, what: str) -> int:
    sys.stdout.write(f"{f'FAILED ({code})' if code else 'ok'}\t{seconds:.0f} s\t{what}\n")
    sys.stdout.flush()
    return int(code != 0)


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
    for line in pages():
        told = line.why_not if args.what == "list" else found(line)
        bad += args.what == "check" and told is not None
        if args.what == "list" or told is not None:
            sys.stdout.write(f"{line.page}\t{line.command}{'' if told is None else f': {told}'}\n")
    return int(bad > 0)


def found(line: Line) -> str | None:
    """Return what is wrong with a line of a page, None if everything that it names exists."""
    return usage_problem(line.command) if line.usage else problem(line.command)


if __name__ == "__main__":
    sys.exit(main())
