"""Predictions made elsewhere: read in four formats, refused where they do not fit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from experiments.benchmark.models.folder_predictions import (
    FolderPredictions,
    PredictionsError,
    parse_options,
)
from pano_data.io import encode
from pano_data.reader import ManifestDataset
from tests.experiments.benchmark.conftest import SIZE


@pytest.fixture
def folder(rooms: ManifestDataset, tmp_path: Path) -> Path:
    """The truth plus one metre, a file per key, in turns npy, npz, exr, png."""
    writers = {".npy": encode.write_npy, ".npz": encode.write_npz, ".exr": encode.write_exr}
    for i, row in enumerate(rooms.manifest):
        values = rooms[i]["distance"][0].numpy() + 1
        ending = (".npy", ".npz", ".exr", ".png")[i % 4]
        path = tmp_path / "stanford2d3d" / (row.key + ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".png":
            encode.write_png(path, np.round(values * 1000).astype(np.uint16))
        else:
            writers[ending](path, values)
    (tmp_path / "predictions.json").write_text(
        json.dumps({"kind": "distance_metric", "units": 1000})
    )
    return tmp_path


def test_reads_every_format(rooms: ManifestDataset, folder: Path) -> None:
    predictions = FolderPredictions.parse(f"folder:{folder}")
    predictions.prepare(rooms.manifest, SIZE)
    batch = default_collate([rooms[i] for i in range(4)])
    maps = predictions.predict(batch, "cpu")
    torch.testing.assert_close(maps, {"distance_metric": batch["distance"] + 1}, atol=6e-4, rtol=0)


def test_zero_of_a_png_is_no_value(rooms: ManifestDataset, folder: Path) -> None:
    path = folder / "stanford2d3d" / (rooms.manifest[3].key + ".png")
    encode.write_png(path, np.zeros(SIZE, np.uint16))
    predictions = FolderPredictions(folder)
    predictions.prepare(rooms.manifest, SIZE)
    maps = predictions.predict(default_collate([rooms[3]]), "cpu")
    assert torch.isnan(maps["distance_metric"]).all()


def test_missing_and_duplicate(rooms: ManifestDataset, folder: Path) -> None:
    first = folder / "stanford2d3d" / (rooms.manifest[0].key + ".npy")
    first.with_suffix(".exr").write_bytes(b"")
    with pytest.raises(PredictionsError, match="1 keys have more than one file"):
        FolderPredictions(folder).prepare(rooms.manifest, SIZE)
    first.with_suffix(".exr").unlink()
    first.unlink()
    with pytest.raises(PredictionsError, match=r"1 of 7 predictions are missing, first area_5"):
        FolderPredictions(folder).prepare(rooms.manifest, SIZE)


@pytest.mark.parametrize("index", [0, 3])
def test_another_size_is_refused_at_once(index: int, rooms: ManifestDataset, folder: Path) -> None:
    with pytest.raises(PredictionsError, match="got a map of 32x64, expected 64x128"):
        FolderPredictions(folder).prepare(rooms.manifest, (64, 128))
    [path] = (folder / "stanford2d3d").glob(rooms.manifest[index].key + ".*")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(PredictionsError, match="cannot be read"):
        FolderPredictions(folder).prepare(rooms.manifest, SIZE)


@pytest.mark.parametrize(
    ("declared", "options", "message"),
    [
        ("{}", "", "got kind 'nowhere'"),
        ('{"kind": "depth"}', "", "got kind 'depth'"),
        ("[]", "", "got list"),
        ("{", "", "is not JSON"),
        ("{}", ",kind=distance_metric,units=0", "a number > 0"),
        ("{}", ",scale=2", "options kind and units"),
        ("{}", ",kind", "each option once, as key=value"),
    ],
)
def test_declarations_that_say_nothing(
    declared: str, options: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "predictions.json").write_text(declared)
    with pytest.raises(ValueError, match=message):
        FolderPredictions.parse(f"folder:{tmp_path}{options}")


def test_png_without_units_and_no_folder(rooms: ManifestDataset, folder: Path) -> None:
    (folder / "predictions.json").unlink()
    predictions = FolderPredictions(folder, "distance_metric")
    predictions.prepare(rooms.manifest, SIZE)
    with pytest.raises(PredictionsError, match=r"units=None, expected a 16-bit PNG"):
        predictions.predict(default_collate([rooms[3]]), "cpu")
    with pytest.raises(PredictionsError, match="is no folder"):
        FolderPredictions(folder / "absent")


def test_identity_follows_the_files(folder: Path) -> None:
    before = FolderPredictions(folder).identity
    assert before == FolderPredictions(folder).identity
    next(folder.rglob("*.npy")).unlink()
    assert before != FolderPredictions(folder).identity


def test_options() -> None:
    assert parse_options("a,b=c,d=e=f") == ("a", {"b": "c", "d": "e=f"})
    with pytest.raises(ValueError, match="each option once"):
        parse_options("a,b=1,b=2")
