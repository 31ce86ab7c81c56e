"""The maps that `panodepth predict` writes are those that `panodepth evaluate` scores."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import pano_models
from experiments.benchmark.evaluate.execution import HalvingPredictor
from pano_data import datasets
from pano_data.manifest import Row
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from panodepth.cli import main

NATIVE = (64, 128)
PROTOCOL = "da2_paper"
ROOMS = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    network = pano_models.create("unifuse", backbone="resnet10t", width=0.25)
    return str(pano_models.save(network, tmp_path_factory.mktemp("model"), NATIVE))


def _rooms(root: Path, size: tuple[int, int]) -> list[Row]:
    """Write rooms of one size; noise in the pictures tells two ways of resizing apart."""
    studio = BoxStudio(half=(3, 1.4, 4))
    miniatures.write("stanford2d3d", root, scenes={"test": ROOMS}, size=size, studio=studio)
    rows = list(datasets.get("stanford2d3d").rows(root, "test"))
    for i, row in enumerate(rows):
        noise = np.random.default_rng(i).integers(1, 256, (*size, 3), np.uint8)
        Image.fromarray(noise).save(root / row.image)
    return rows


def _evaluate(model: str, root: Path, size: tuple[int, int], out: Path) -> dict[str, Any]:
    words = ["--dataset", "stanford2d3d", "--root", str(root), "--protocol", PROTOCOL]
    words += ["--size", *map(str, size), "--batch-size", "1", "--device", "cpu", "--out", str(out)]
    assert main(["evaluate", "--model", model, *words]) == 0
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def _predict(model: str, rows: list[Row], root: Path, out: Path) -> dict[str, Path]:
    """Write the maps of all rows; return their files by key."""
    written = {}
    for row in rows:
        words = ["--model", model, "--out", str(out / "maps"), "--save", "npy", "--device", "cpu"]
        assert main(["predict", str(root / row.image), *words]) == 0
        (made,) = (out / "maps").glob("*_distance.npy")
        written[row.key] = out / f"{row.key}.npy"
        written[row.key].parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, written[row.key])
    return written


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The maps that were scored, by key: filled while the command runs."""
    maps: dict[str, np.ndarray] = {}
    predict = HalvingPredictor.__call__

    def record(self: HalvingPredictor, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        found = predict(self, batch)
        for key, values in zip(batch["key"], found["distance_metric"], strict=True):
            maps[key] = values[0].numpy()
        return found

    monkeypatch.setattr(HalvingPredictor, "__call__", record)
    return maps


@pytest.mark.parametrize("size", [(32, 64), NATIVE, (150, 300)])
def test_maps_are_equal_to_the_last_bit_and_so_are_the_scores(
    size: tuple[int, int], model: str, tmp_path: Path, scored: dict[str, np.ndarray]
) -> None:
    rows = _rooms(tmp_path / "rooms", size)
    ours = _evaluate(model, tmp_path / "rooms", size, tmp_path / "model.json")
    by_network = dict(scored)
    written = _predict(model, rows, tmp_path / "rooms", tmp_path / "written")
    assert set(by_network) == set(written) == {row.key for row in rows}
    for key, path in written.items():
        np.testing.assert_array_equal(np.load(path), by_network[key])
    folder = f"folder:{tmp_path / 'written'},kind=distance_metric"
    theirs = _evaluate(folder, tmp_path / "rooms", size, tmp_path / "folder.json")
    assert theirs["metrics"] == ours["metrics"]
    assert ours["count"] == ROOMS
    assert ours["metrics"]["absrel"] > 0


def test_the_size_that_is_scored_changes_neither_picture_nor_network(
    model: str, tmp_path: Path, scored: dict[str, np.ndarray]
) -> None:
    """A map scored at half the size is the network's own map of the full picture, resized once."""
    rows = _rooms(tmp_path / "rooms", (150, 300))
    _evaluate(model, tmp_path / "rooms", (75, 150), tmp_path / "half.json")
    predictor = pano_models.Predictor(pano_models.load(model))
    for row in rows:
        picture = np.array(Image.open(tmp_path / "rooms" / row.image))
        rgb = torch.from_numpy(picture).permute(2, 0, 1)[None]
        expected = predictor(rgb, (75, 150)).values[0, 0].numpy()
        np.testing.assert_array_equal(scored[row.key], expected)
