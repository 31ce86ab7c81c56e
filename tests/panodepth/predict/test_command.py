import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from panodepth.cli import main
from tests.experiments.full_disk import full_disk

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def _model(box_room: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str) -> nn.Module:
        if model != "box":
            raise ValueError(f"no model {model!r}")
        return box_room

    monkeypatch.setattr("pano_models.predictor.load", load)


def _predict(out: Path, *words: object) -> int:
    return main(["predict", *map(str, words), "--model", "box", "--out", str(out)])


def test_every_format_is_written_and_recorded(save_panorama: Save, tmp_path: Path) -> None:
    path = save_panorama("a.png", height=100)
    out = tmp_path / "out"
    assert _predict(out, path, "--save", "npy", "png16", "exr", "preview", "ply", "glb") == 0
    names = {p.name for p in out.iterdir()}
    assert names == {
        "a_distance.npy", "a_distance.png", "a_distance.exr", "a_preview.png", "a_points.ply",
        "a_mesh.glb",
        "a_prediction.json",
    }  # fmt: skip
    record = json.loads((out / "a_prediction.json").read_text())
    assert (record["height"], record["width"], record["unit"]) == (100, 200, "m")
    assert set(record["files"].values()) | {"a_prediction.json"} == names
    assert np.load(out / "a_distance.npy").shape == (100, 200)


def test_one_bad_file_does_not_stop_the_others(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [save_panorama(f"{n}.png") for n in "ab"]
    Image.new("RGB", (128, 64), (255, 0, 0)).save(tmp_path / "nan.png")
    bad = [tmp_path / "missing.png", save_panorama("flat.png", width=70), tmp_path / "nan.png"]
    out = tmp_path / "out"
    assert _predict(out, good[0], *bad, good[1], "--save", "npy") == 2
    assert sorted(p.name for p in out.glob("*.npy")) == ["a_distance.npy", "b_distance.npy"]
    text = capsys.readouterr().err
    assert "2 written, 3 failed" in text
    assert "no such file" in text
    assert "NaN or infinity" in text


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_size_changes_nothing(save_panorama: Save, tmp_path: Path, batch: int) -> None:
    for name, height in zip("abcd", (64, 128, 32, 64), strict=True):
        save_panorama(f"in/{name}.png", height=height)
    outs = [tmp_path / "whole", tmp_path / "parts"]
    assert _predict(outs[0], tmp_path / "in", "--save", "npy", "--batch", 4) == 0
    assert _predict(outs[1], tmp_path / "in", "--save", "npy", "--batch", batch) == 0
    for name in "abcd":
        one, two = (np.load(out / f"{name}_distance.npy") for out in outs)
        np.testing.assert_array_equal(one, two)


def test_masks_apply_and_subfolders_are_kept(save_panorama: Save, tmp_path: Path) -> None:
    save_panorama("in/floor/a.png")
    mask = np.full((64, 128), 255, np.uint8)
    mask[:, :50] = 0
    (tmp_path / "masks/floor").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "masks/floor/a.png")
    words = ("--recursive", "--mask", tmp_path / "masks", "--save", "npy")
    assert _predict(tmp_path / "out", tmp_path / "in", *words) == 0
    distance = np.load(tmp_path / "out/floor/a_distance.npy")
    assert (distance[:, :50] == 0).all()
    assert (distance[:, 50:] > 0).all()


def test_existing_results_are_skipped_until_a_format_is_missing(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module
) -> None:
    path, out = save_panorama("a.png"), tmp_path / "out"
    _predict(out, path, "--save", "npy")
    assert _predict(out, path, "--save", "npy", "--skip-existing") == 0
    assert len(box_room.seen) == 1
    assert _predict(out, path, "--save", "npy", "exr", "--skip-existing") == 0
    assert len(box_room.seen) == 2


def test_another_source_or_working_size_is_not_done_before(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module
) -> None:
    out, words = tmp_path / "out", ("--save", "npy", "--skip-existing")
    _predict(out, save_panorama("one/a.png"), *words)
    assert _predict(out, save_panorama("two/a.png"), *words) == 0
    assert len(box_room.seen) == 2
    assert _predict(out, tmp_path / "two/a.png", *words, "--height", 32) == 0
    assert box_room.seen[2:] == [(1, 3, 32, 64)]


def test_what_was_written_into_the_folder_of_the_panoramas_is_no_panorama(
    save_panorama: Save, tmp_path: Path
) -> None:
    folder = save_panorama("in/a.png").parent
    assert _predict(folder, folder) == 0
    names = sorted(p.name for p in folder.iterdir())
    assert _predict(folder, folder) == 0
    assert sorted(p.name for p in folder.iterdir()) == names


def test_bad_usage_is_told_and_nothing_is_written(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = save_panorama("a.png"), tmp_path / "out"
    assert main(["predict", str(path), "--model", "none", "--out", str(out)]) == 2
    assert "--model none cannot be loaded" in capsys.readouterr().err
    assert _predict(out, path, "--mask", tmp_path / "nowhere") == 2
    assert _predict(out, path, "--batch", 0) == 2
    assert _predict(out, path, "--device", "cuda:77") == 2
    assert list(out.iterdir()) == []
    with pytest.raises(SystemExit, match="2"):
        _predict(out, path, "--save", "bmp")


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert _predict(tmp_path / "file" / "out", save_panorama("a.png")) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert box_room.seen == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(save_panorama: Save, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert _predict(tmp_path / "closed", save_panorama("a.png")) == 2


@pytest.mark.parametrize("form", ["npy", "png16", "exr", "preview", "ply", "glb"])
def test_a_full_disk_leaves_no_half_written_file(
    save_panorama: Save, tmp_path: Path, form: str
) -> None:
    path, out = save_panorama("a.png", height=128), tmp_path / "out"
    with full_disk(1500):
        assert _predict(out, path, "--save", form) == 2
    assert list(out.iterdir()) == []
