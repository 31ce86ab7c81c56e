"""Every way into the programs has told OpenMP how to wait before it is loaded with torch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = "OMP_WAIT_POLICY"
RECORD = """
import importlib, os, sys

class Reached(BaseException):
    pass

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise Reached

sys.meta_path.insert(0, Watch())
ours = ("experiments", "panodepth", "pano_")
chosen, *entries = sys.argv[1:]
sys.argv = ["panodepth"]
for entry in entries:
    os.environ.pop("OMP_WAIT_POLICY", None)
    if chosen:
        os.environ["OMP_WAIT_POLICY"] = chosen
    for name in [n for n in sys.modules if n.startswith(ours)]:
        del sys.modules[name]
    try:
        importlib.import_module(entry)
        print(entry, "without-torch")
    except SystemExit:  # `python -m panodepth` without a command
        print(entry, "without-torch")
    except Reached:
        print(entry, os.environ.get("OMP_WAIT_POLICY"))
"""


def entry_points() -> list[str]:
    """Return what `python -m` and `panodepth` start."""
    folders = (ROOT / "experiments", ROOT / "packages/panodepth/src/panodepth")
    files = [p for folder in folders for p in folder.rglob("*.py")]
    own = [p for p in files if p.name == "__main__.py" or '__name__ == "__main__"' in p.read_text()]
    commands = [p for p in files if re.search(r"^def add_arguments", p.read_text(), re.MULTILINE)]
    paths = (
        str(p.relative_to(ROOT)).removeprefix("packages/panodepth/src/") for p in own + commands
    )
    return sorted({"panodepth.cli", *(p.removesuffix(".py").replace("/", ".") for p in paths)})


def python(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    paths = [str(ROOT), *(str(p) for p in ROOT.glob("packages/*/src"))]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), **variables}
    return subprocess.run(
        [sys.executable, *argv], env=environment, capture_output=True, text=True, check=True
    )


def recorded(chosen: str, *entries: str) -> dict[str, str]:
    """How OpenMP is told to wait when an entry point loads torch, by entry point."""
    return dict(line.split() for line in python("-c", RECORD, chosen, *entries).stdout.splitlines())


def test_every_entry_point_waits_passively() -> None:
    entries = entry_points()
    stages = set(re.findall(r"python -m (experiments[\w.]+)", (ROOT / "dvc.yaml").read_text()))
    known = {e.removesuffix(".__main__") for e in entries}
    assert stages <= known
    found = recorded("", *entries)
    assert list(found) == entries
    assert found["experiments.da2.__main__"] == "PASSIVE"
    assert set(found.values()) <= {"PASSIVE", "without-torch"}, found


@pytest.mark.parametrize("chosen", ["", "ACTIVE"])
def test_what_a_user_has_chosen_stays(chosen: str) -> None:
    entries = ("experiments.da2.__main__", "panodepth.prediction", "tests.conftest")
    assert recorded(chosen, *entries) == dict.fromkeys(entries, chosen or "PASSIVE")


@pytest.mark.parametrize("package", ["experiments", "panodepth"])
def test_the_runtime_takes_it(package: str) -> None:
    shown = python("-c", f"import {package}, torch", OMP_DISPLAY_ENV="true").stderr
    assert re.search(rf"{POLICY} = 'PASSIVE'", shown)
