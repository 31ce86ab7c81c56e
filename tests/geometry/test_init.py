"""The top level: its version, and that all it names is there."""

import tomllib
from pathlib import Path

import pano_geometry as pg

PROJECT = Path(__file__).parents[2] / "packages" / "geometry" / "pyproject.toml"


def test_version_is_that_of_the_package() -> None:
    assert pg.__version__ == tomllib.loads(PROJECT.read_text())["project"]["version"]


def test_names_are_there_and_sorted() -> None:
    assert [name for name in pg.__all__ if not hasattr(pg, name)] == []
    assert len(set(pg.__all__)) == len(pg.__all__)
