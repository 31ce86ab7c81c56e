import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pano_models import ModelNotFoundError
from panodepth.cli import main
from panodepth.panorama_files import read_panorama
from tests.data.io.pictures.photo_sphere import crop_xmp
from tests.experiments.full_disk import full_disk

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def _model(box_room: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str) -> nn.Module:
        if model != "box":
            raise ValueError(f"no model {model!r}")
        return box_room

    monkeypatch.setattr("pano_models.load", load)


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


@contextmanager
def heeding_permissions() -> Iterator[None]:
    """Root writes everywhere: this thread without that capability, CAP_DAC_OVERRIDE."""
    if os.geteuid() != 0:
        yield
        return
    library, three = ctypes.CDLL(None), ctypes.c_uint32 * 3
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # third version of capget(2), this thread
    own = (three * 2)()  # effective, permitted, inheritable; capabilities from 0 on, from 32 on
    assert library.capget(header, own) == 0
    fewer = (three * 2)(three(own[0][0] & ~(1 << 1), *own[0][1:]), own[1])
    assert library.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert library.capset(header, own) == 0


@pytest.mark.skipif(
    os.geteuid() == 0 and sys.platform != "linux", reason="this system's root writes everywhere"
)
def test_a_folder_without_permission_is_told(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_panorama("a.png")
    (tmp_path / "closed").mkdir(mode=0o500)
    with heeding_permissions():
        assert _predict(tmp_path / "closed", path) == 2
    assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert box_room.seen == []


@pytest.mark.parametrize("form", ["npy", "png16", "exr", "preview", "ply", "glb"])
def test_a_full_disk_leaves_no_half_written_file(
    save_panorama: Save, tmp_path: Path, form: str
) -> None:
    path, out = save_panorama("a.png", height=128), tmp_path / "out"
    with full_disk(1500):
        assert _predict(out, path, "--save", form) == 2
    assert list(out.iterdir()) == []


def test_whatever_a_file_raises_stops_no_other(
    save_panorama: Save,
    tmp_path: Path,
    box_room: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A TypeError of a network, a MemoryError of a decoder, a name that no file system takes."""
    forward, read = box_room.forward, read_panorama

    def moody(rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        if (rgb < 0.02).all(dim=(1, 2, 3)).any():
            raise TypeError("unsupported operand\nin two lines")
        return forward(rgb)

    def greedy(path: Path, *options: object) -> object:
        if path.stem == "huge":
            raise MemoryError
        return read(path, *options)

    monkeypatch.setattr(box_room, "forward", moody)
    monkeypatch.setattr("panodepth.inference.files.read_panorama", greedy)
    paths = [save_panorama(f"in/{name}.png") for name in ("a", "huge", "b")]
    Image.new("RGB", (128, 64)).save(tmp_path / "in" / "black.png")
    masks = save_panorama("masks/a.png", mode="L").parent
    long = tmp_path / "in" / ("n" * 260 + ".png")
    out = tmp_path / "out"
    words = (paths[0], long, paths[1], tmp_path / "in" / "black.png", paths[2])
    assert _predict(out, *words, "--mask", masks, "--save", "npy") == 2
    assert sorted(p.name for p in out.glob("*.npy")) == ["a_distance.npy", "b_distance.npy"]
    text = " ".join(capsys.readouterr().err.split())
    assert "2 written, 3 failed" in text
    assert "the network failed: TypeError: unsupported operand" in text
    assert "MemoryError" in text
    assert "too long" in text
    assert "Traceback" not in text
    assert "for 4 of 5 panoramas" in text


def test_a_result_whose_name_is_too_long_fails_alone(save_panorama: Save, tmp_path: Path) -> None:
    long, short = save_panorama("in/" + "n" * 245 + ".png"), save_panorama("in/a.png")
    assert _predict(tmp_path / "out", long.parent, "--save", "npy") == 2
    assert [p.name for p in (tmp_path / "out").glob("*.npy")] == ["a_distance.npy"]
    assert short.is_file()


def test_names_are_shown_and_do_not_steer_the_terminal(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_panorama("in/\x1b[31mred\n\u202egnp.png")
    (tmp_path / "in" / "bad\x1b[2J.png").write_bytes(b"no picture")
    assert _predict(tmp_path / "out", tmp_path / "in", "--save", "npy") == 2
    text = "".join(capsys.readouterr().err.split())
    assert "\x1b[2J" not in text
    assert "bad\\x1b[2J.png" in text
    assert "\\x1b[31mred\\n\\u202egnp" in text
    assert main(["predict", str(tmp_path / "none\x1b[31m"), "--mask", "x\x1b[2J"]) == 2
    assert "\x1b[2J" not in capsys.readouterr().err
    assert (tmp_path / "out" / "\x1b[31mred\n\u202egnp_distance.npy").is_file()


def test_notes_and_what_is_left_out_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    xmp = crop_xmp((64, 128), (40, 128), (10, 0))
    Image.new("RGB", (128, 40), (90, 120, 60)).save(folder / "belt.jpg", xmp=xmp)
    (folder / "._belt.jpg").write_bytes(b"what macOS leaves")
    assert _predict(tmp_path / "out", folder, "--save", "npy") == 0
    text = " ".join(capsys.readouterr().err.split())
    assert "left out: 1 hidden" in text
    assert "a crop of the sphere (XMP GPano): 128x40 placed at column 0, row 10 of 128x64" in text
    distance = np.load(tmp_path / "out" / "belt_distance.npy")
    assert (distance[10:50] > 0).all()
    assert (distance[:10] == 0).all()
    assert (distance[50:] == 0).all()


def test_a_photo_alone_is_predicted_into_a_folder_beside_it(
    save_panorama: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_panorama("in/a.png")
    assert main([str(path), "--model", "box"]) == 0
    assert (path.parent / "panodepth-out" / "a_distance.npy").is_file()
    monkeypatch.chdir(path.parent)
    assert main(["--model", "box", "a.png", "--save", "exr"]) == 0
    assert (path.parent / "panodepth-out" / "a_distance.exr").is_file()
    assert main([str(path.parent), "--model", "box", "--save", "npy"]) == 0
    assert (tmp_path / "panodepth-out" / "a_distance.npy").is_file()


def test_without_a_model_in_the_box_a_line_says_what_to_pass(
    save_panorama: Save, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(model: str) -> nn.Module:
        raise ModelNotFoundError(f"no {model}")

    monkeypatch.setattr("pano_models.load", nothing)
    assert main([str(save_panorama("a.png"))]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no pano_small in this installation" in lines[0]
    assert "--model" in lines[0]


def test_a_picture_that_changed_is_predicted_again(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module
) -> None:
    path, out = save_panorama("a.png"), tmp_path / "out"
    words = (path, "--save", "npy", "--skip-existing")
    assert _predict(out, *words) == 0
    Image.new("RGB", (128, 64), (90, 120, 60)).save(path)
    assert _predict(out, *words) == 0
    assert len(box_room.seen) == 2
    assert _predict(out, *words) == 0
    assert len(box_room.seen) == 2
