import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from pano_models import ModelNotFoundError
from panodepth.cli import main
from tests.data.io.pictures.photo_sphere import crop_xmp
from tests.panodepth.inference.conftest import predict_box

pytestmark = pytest.mark.usefixtures("box_model")
Save = Callable[..., Path]


def test_every_format_is_written_and_recorded(save_panorama: Save, tmp_path: Path) -> None:
    path = save_panorama("a.png", height=100)
    out = tmp_path / "out"
    assert predict_box(out, path, "--save", "npy", "png16", "exr", "preview", "ply", "glb") == 0
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


def test_masks_apply_and_subfolders_are_kept(save_panorama: Save, tmp_path: Path) -> None:
    save_panorama("in/floor/a.png")
    mask = np.full((64, 128), 255, np.uint8)
    mask[:, :50] = 0
    (tmp_path / "masks/floor").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "masks/floor/a.png")
    words = ("--recursive", "--mask", tmp_path / "masks", "--save", "npy")
    assert predict_box(tmp_path / "out", tmp_path / "in", *words) == 0
    distance = np.load(tmp_path / "out/floor/a_distance.npy")
    assert (distance[:, :50] == 0).all()
    assert (distance[:, 50:] > 0).all()


def test_what_was_written_into_the_folder_of_the_panoramas_is_no_panorama(
    save_panorama: Save, tmp_path: Path
) -> None:
    folder = save_panorama("in/a.png").parent
    assert predict_box(folder, folder) == 0
    names = sorted(p.name for p in folder.iterdir())
    assert predict_box(folder, folder) == 0
    assert sorted(p.name for p in folder.iterdir()) == names


def test_bad_usage_is_told_and_nothing_is_written(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = save_panorama("a.png"), tmp_path / "out"
    assert main(["predict", str(path), "--model", "none", "--out", str(out)]) == 2
    assert "--model none cannot be loaded" in capsys.readouterr().err
    assert predict_box(out, path, "--mask", tmp_path / "nowhere") == 2
    assert predict_box(out, path, "--batch", 0) == 2
    assert predict_box(out, path, "--device", "cuda:77") == 2
    assert list(out.iterdir()) == []
    with pytest.raises(SystemExit, match="2"):
        predict_box(out, path, "--save", "bmp")


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert predict_box(tmp_path / "file" / "out", save_panorama("a.png")) == 2
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
        assert predict_box(tmp_path / "closed", path) == 2
    assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert box_room.seen == []


def test_names_are_shown_and_do_not_steer_the_terminal(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_panorama("in/\x1b[31mred\n\u202egnp.png")
    (tmp_path / "in" / "bad\x1b[2J.png").write_bytes(b"no picture")
    assert predict_box(tmp_path / "out", tmp_path / "in", "--save", "npy") == 2
    text = "".join(capsys.readouterr().err.split())
    assert "\x1b[2J" not in text
    assert "bad\\x1b[2J.png" in text
    assert "\\x1b[31mred\\n\\u202egnp" in text
    assert main(["predict", str(tmp_path / "none\x1b[31m"), "--mask", "x\x1b[2J"]) == 2
    assert "\x1b[2J" not in capsys.readouterr().err
    assert (tmp_path / "out" / "\x1b[31mred\n\u202egnp_distance.npy").is_file()


def test_what_is_told_of_a_file_is_one_line_in_a_log_too(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = f"in/{'a long name ' * 9}"
    broken = tmp_path / deep / "broken.png"
    save_panorama(f"{deep}/good.png")
    broken.write_bytes(b"no picture")
    out = tmp_path / ("out " * 30)
    assert predict_box(out, tmp_path / deep, "--save", "npy") == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith(f"failed {broken}: not an image: ")]
    assert lines[-1].endswith(f" -> {out}")


def test_notes_and_what_is_left_out_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    xmp = crop_xmp((64, 128), (40, 128), (10, 0))
    Image.new("RGB", (128, 40), (90, 120, 60)).save(folder / "belt.jpg", xmp=xmp)
    (folder / "._belt.jpg").write_bytes(b"what macOS leaves")
    assert predict_box(tmp_path / "out", folder, "--save", "npy") == 0
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
