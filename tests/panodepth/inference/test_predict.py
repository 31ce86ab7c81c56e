import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import panodepth
from pano_models import Predictor
from panodepth import BadPanoramaError, CommandError, Panorama

Save = Callable[..., Path]


@pytest.fixture
def box(box_room: nn.Module) -> Predictor:
    return Predictor(box_room, (64, 128))


def test_a_file_becomes_a_panorama(save_panorama: Save, box: Predictor, tmp_path: Path) -> None:
    room = panodepth.predict(save_panorama("a.png"), box)
    assert isinstance(room, Panorama)
    assert (room.name, room.unit, room.kind) == ("a", "m", "distance_metric")
    assert room.rgb.shape == (64, 128, 3)
    assert room.valid.all()
    files = room.save(tmp_path / "out", ("npy",))
    np.testing.assert_array_equal(np.load(files[0]), room.distance)
    record = json.loads(files[-1].read_text())
    assert record["source"] == str(tmp_path / "a.png")
    assert record["working_height"] == 64


@pytest.mark.parametrize("shape", ["hwc", "chw", "float", "tensor", "bfloat16", "pillow", "uint16"])
def test_every_kind_of_pixels_gives_the_same_map(
    save_panorama: Save, box: Predictor, shape: str
) -> None:
    path = save_panorama("a.png")
    rgb = np.asarray(Image.open(path))
    pixels = {
        "hwc": rgb,
        "chw": rgb.transpose(2, 0, 1),
        "float": rgb / 255,
        "tensor": torch.from_numpy(rgb.copy()).permute(2, 0, 1),
        "bfloat16": (torch.from_numpy(rgb.copy()) / 255).bfloat16(),
        "pillow": Image.open(path),
        "uint16": rgb.astype(np.uint16) * 257,
    }[shape]
    room = panodepth.predict(pixels, box)
    assert np.abs(room.rgb.astype(int) - rgb).max() <= (1 if shape == "bfloat16" else 0)
    np.testing.assert_array_equal(room.distance, panodepth.predict(path, box).distance)


def test_alpha_masks_and_grey_is_repeated(box: Predictor) -> None:
    rgba = np.full((64, 128, 4), 90, np.uint8)
    rgba[:, 64:, 3] = 255
    room = panodepth.predict(rgba, box)
    assert (room.distance[:, :64] == 0).all()
    assert (room.distance[:, 64:] > 0).all()
    assert panodepth.predict(rgba[..., 0], box).rgb.shape == (64, 128, 3)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((64, 128, 2), np.uint8), "shape"),
        (np.zeros((64, 128, 3), np.int32), "int32"),
        (np.full((64, 128, 3), 200.0), "divide by 255"),
        (np.full((64, 128, 3), np.nan), r"expected \[0, 1\]"),
        (np.zeros((64, 100, 3), np.uint8), "2:1"),
    ],
)
def test_other_pixels_are_refused(box: Predictor, pixels: np.ndarray, message: str) -> None:
    with pytest.raises((ValueError, BadPanoramaError), match=message):
        panodepth.predict(pixels, box)


def test_folders_lists_and_batches_are_streams(
    save_panorama: Save, box: Predictor, tmp_path: Path, box_room: nn.Module
) -> None:
    for name in ("in/a.png", "in/deep/b.png", "in/c.png"):
        save_panorama(name)
    stream = panodepth.predict(tmp_path / "in", box, batch=2)
    assert box_room.seen == []
    assert [room.name for room in stream] == ["a", "c", "deep/b"]
    assert [shape[0] for shape in box_room.seen] == [2, 1]
    rgb = np.asarray(Image.open(tmp_path / "in/a.png"))
    mixed = [tmp_path / "in/a.png", rgb, torch.from_numpy(np.stack([rgb, rgb]))]
    assert [r.name for r in panodepth.predict_each(mixed, box)] == [
        "a", "000000", "000001", "000002"
    ]  # fmt: skip
    assert len(list(panodepth.predict(np.stack([rgb, rgb, rgb]), box))) == 3


def test_a_bad_one_raises_in_its_turn_or_is_skipped_with_a_word(
    save_panorama: Save, box: Predictor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    red = np.zeros((64, 128, 3), np.uint8)
    red[..., 0] = 255
    (tmp_path / "empty").mkdir()
    gone = [tmp_path / "gone.png", tmp_path / "empty"]
    sources = [save_panorama("a.png"), *gone, red, save_panorama("b.png")]
    stream = panodepth.predict(sources, box)
    assert next(stream).name == "a"
    with pytest.raises(BadPanoramaError, match="no such file"):
        next(stream)
    with caplog.at_level(logging.WARNING):
        names = [room.name for room in panodepth.predict(sources, box, skip_bad=True)]
    assert names == ["a", "b"]
    assert "gone.png is left out: missing: no such file" in caplog.text
    assert "empty is left out" in caplog.text
    assert "000000 is left out" in caplog.text
    assert "NaN" in caplog.text


def test_models_are_networks_predictors_or_names(box_room: nn.Module, tmp_path: Path) -> None:
    rgb = np.full((64, 128, 3), 90, np.uint8)
    assert panodepth.predict(rgb, box_room, height=32).about["working_height"] == 32
    assert box_room.seen[-1] == (1, 3, 32, 64)
    with pytest.raises(CommandError, match="cannot be loaded"):
        panodepth.predict(rgb, tmp_path / "nothing")
