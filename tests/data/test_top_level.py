"""What `pano_data` offers at its top, and what asking for it costs."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pano_data

ROOT = Path(pano_data.__file__).parent
HEAVY = ("torch", "cv2", "pyarrow", "lightning", "litdata", "albumentations", "h5py")
TRAIN = ("lightning", "litdata", "albumentations")


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_is_there_and_types_and_table_agree():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {n: f"pano_data.{m}" for n, m in pano_data._HOMES.items()} == typed
    assert set(pano_data.__all__) == {*typed, "__version__"}
    assert set(pano_data.__all__) <= set(dir(pano_data))
    for name in pano_data.__all__:
        assert getattr(pano_data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'ManifestDatset'"):
        _ = pano_data.ManifestDatset


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())["project"]
    assert pano_data.__version__ == project["version"]


def test_importing_costs_no_library():
    left = run(f"import sys, pano_data; print([m for m in {HEAVY} if m in sys.modules])")
    assert left.strip() == "[]"


def test_readers_work_without_the_train_extra_and_what_needs_it_names_it():
    block = f"import sys; [sys.modules.__setitem__(m, None) for m in {TRAIN}]\n"
    used = "from pano_data import ManifestDataset, Source, datasets, masks, shards, curation\n"
    asked = """
for ask in (lambda: pano_data.ErpDataModule, lambda: pano_data.Colour(),
            lambda: pano_data.shards.store._litdata()):
    try:
        ask()
    except pano_data.MissingExtraError as error:
        print(error)
"""
    lines = run(block + used + "import pano_data" + asked).splitlines()
    assert len(lines) == 3
    for line, library in zip(lines, ("lightning", "albumentations", "litdata"), strict=True):
        assert library in line
        assert 'pip install "pano-data[train]"' in line
