"""Workflows, citation and hooks name what exists."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MODULES = {
    "data": "pano_data",
    "geometry": "pano_geometry",
    "losses": "pano_losses",
    "models": "pano_models",
    "panodepth": "panodepth",
    "worlds": "pano_worlds",
}


def test_all_versions_are_one():
    told = {yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]}
    projects = [ROOT / "pyproject.toml", *(ROOT / "packages").glob("*/pyproject.toml")]
    assert len(projects) == 1 + len(MODULES)
    told |= {tomllib.loads(path.read_text())["project"]["version"] for path in projects}
    told |= {importlib.import_module(name).__version__ for name in MODULES.values()}
    assert len(told) == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_calls_exists(path):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    jobs = yaml.safe_load(path.read_text())["jobs"]
    called = " ".join(s.get("run", "") for job in jobs.values() for s in job["steps"])
    made = re.findall(r"make ([\w-]+)", called)
    scripts = re.findall(r"scripts/[\w./]+", called)
    assert made
    assert set(made) <= set(targets)
    assert [s for s in scripts if not (ROOT / s).is_file()] == []


def test_the_readers_of_docker_find_what_is_copied():
    copied = re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {"constraints.txt", "packages/panodepth"} <= set(copied)
    assert [source for source in copied if not (ROOT / source).exists()] == []
