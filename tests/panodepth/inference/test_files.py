"""Batches, what fails in them, what was done before, and disks that are full."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from panodepth.panorama_files import read_panorama
from tests.experiments.full_disk import full_disk
from tests.panodepth.inference.conftest import predict_box

pytestmark = pytest.mark.usefixtures("box_model")
Save = Callable[..., Path]


def test_one_bad_file_does_not_stop_the_others(
    save_panorama: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [save_panorama(f"{n}.png") for n in "ab"]
    Image.new("RGB", (128, 64), (255, 0, 0)).save(tmp_path / "nan.png")
    bad = [tmp_path / "missing.png", save_panorama("flat.png", width=70), tmp_path / "nan.png"]
    bad.append(tmp_path / "empty")
    bad[-1].mkdir()
    out = tmp_path / "out"
    assert predict_box(out, good[0], *bad, good[1], "--save", "npy") == 2
    assert sorted(p.name for p in out.glob("*.npy")) == ["a_distance.npy", "b_distance.npy"]
    text = capsys.readouterr().err
    assert "2 written, 4 failed" in text
    assert "no such file" in text
    assert "NaN or infinity" in text
    assert "holds no image" in " ".join(text.split())


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_size_changes_nothing(save_panorama: Save, tmp_path: Path, batch: int) -> None:
    for name, height in zip("abcd", (64, 128, 32, 64), strict=True):
        save_panorama(f"in/{name}.png", height=height)
    outs = [tmp_path / "whole", tmp_path / "parts"]
    assert predict_box(outs[0], tmp_path / "in", "--save", "npy", "--batch", 4) == 0
    assert predict_box(outs[1], tmp_path / "in", "--save", "npy", "--batch", batch) == 0
    for name in "abcd":
        one, two = (np.load(out / f"{name}_distance.npy") for out in outs)
        np.testing.assert_array_equal(one, two)


def test_existing_results_are_skipped_until_a_format_is_missing(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module
) -> None:
    path, out = save_panorama("a.png"), tmp_path / "out"
    predict_box(out, path, "--save", "npy")
    assert predict_box(out, path, "--save", "npy", "--skip-existing") == 0
    assert len(box_room.seen) == 1
    assert predict_box(out, path, "--save", "npy", "exr", "--skip-existing") == 0
    assert len(box_room.seen) == 2


def test_another_source_or_working_size_is_not_done_before(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module
) -> None:
    out, words = tmp_path / "out", ("--save", "npy", "--skip-existing")
    predict_box(out, save_panorama("one/a.png"), *words)
    assert predict_box(out, save_panorama("two/a.png"), *words) == 0
    assert len(box_room.seen) == 2
    assert predict_box(out, tmp_path / "two/a.png", *words, "--height", 32) == 0
    assert box_room.seen[2:] == [(1, 3, 32, 64)]


@pytest.mark.parametrize("form", ["npy", "png16", "exr", "preview", "ply", "glb"])
def test_a_full_disk_leaves_no_half_written_file(
    save_panorama: Save, tmp_path: Path, form: str
) -> None:
    path, out = save_panorama("a.png", height=128), tmp_path / "out"
    with full_disk(1500):
        assert predict_box(out, path, "--save", form) == 2
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
    assert predict_box(out, *words, "--mask", masks, "--save", "npy") == 2
    assert sorted(p.name for p in out.glob("*.npy")) == ["a_distance.npy", "b_distance.npy"]
    text = " ".join(capsys.readouterr().err.split())
    assert "2 written, 3 failed" in text
    assert "the network failed: TypeError: unsupported operand" in text
    assert "MemoryError" in text
    assert "too long" in text
    assert "Traceback" not in text
    assert "for 4 of 5 panoramas" in text


def test_too_little_memory_is_told_with_what_needs_less(
    save_panorama: Save,
    box_room: nn.Module,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(rgb: torch.Tensor) -> dict[str, torch.Tensor]:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] can't allocate memory: 8 bytes")

    monkeypatch.setattr(box_room, "forward", full)
    assert predict_box(tmp_path / "out", save_panorama("in/a.png"), "--save", "npy") == 2
    text = " ".join(capsys.readouterr().err.split())
    assert "not enough memory at " in text
    assert "give a smaller --height" in text
    assert "alloc_cpu" not in text


def test_a_result_whose_name_is_too_long_fails_alone(save_panorama: Save, tmp_path: Path) -> None:
    long, short = save_panorama("in/" + "n" * 245 + ".png"), save_panorama("in/a.png")
    assert predict_box(tmp_path / "out", long.parent, "--save", "npy") == 2
    assert [p.name for p in (tmp_path / "out").glob("*.npy")] == ["a_distance.npy"]
    assert short.is_file()


def test_a_picture_that_changed_is_predicted_again(
    save_panorama: Save, tmp_path: Path, box_room: nn.Module
) -> None:
    path, out = save_panorama("a.png"), tmp_path / "out"
    words = (path, "--save", "npy", "--skip-existing")
    assert predict_box(out, *words) == 0
    Image.new("RGB", (128, 64), (90, 120, 60)).save(path)
    assert predict_box(out, *words) == 0
    assert len(box_room.seen) == 2
    assert predict_box(out, *words) == 0
    assert len(box_room.seen) == 2
