"""From a finished training into the box."""

import json
from pathlib import Path

import pytest
import torch

import pano_models as pm
from experiments.box import pack as module
from experiments.box.pack import largest_change, main, pack
from pano_models.weights.box import CATALOGUE, box_folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = pm.create("pano_small", widths=(8, 8, 8, 8, 8)).eval()
    pm.save(model, tmp_path / "runs/small", (64, 128))
    (tmp_path / "runs/small/run_key").write_text("0123456789ab\n")
    return tmp_path / "runs"


def test_a_training_goes_into_the_box_with_its_run(runs, tmp_path):
    pack("small", "abcd", runs, tmp_path / "box")
    found = json.loads((tmp_path / "box" / CATALOGUE).read_text())["small"]
    assert (found["run"], found["commit"]) == ("0123456789ab", "abcd")
    packed = pm.load(box_folder("small", tmp_path / "box"))
    assert 0 < largest_change(pm.load(runs / "small"), packed) < 0.01


def test_what_a_killed_process_left_half_written_goes(runs, tmp_path):
    left = [tmp_path / "box" / ".catalogue.0123.part.json"]
    left.append(tmp_path / "box/small" / ".model.0123.part.safetensors")
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")
    pack("small", "abcd", runs, tmp_path / "box")
    assert [file for file in left if file.exists()] == []


def test_halves_that_change_the_maps_are_refused(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_CHANGE", 1e-9)
    with pytest.raises(ValueError, match="half precision changes a distance of small by"):
        pack("small", "abcd", runs, tmp_path / "box")
    assert not (tmp_path / "box").exists()


def test_what_is_compared_is_what_the_box_holds(runs, tmp_path):
    model = pm.load(runs / "small")
    model.encoder.bn1.running_var.fill_(1e5)  # infinite as a half: the box keeps it whole
    pm.save(model, runs / "small", (64, 128))
    pack("small", "abcd", runs, tmp_path / "box")
    packed = pm.load(box_folder("small", tmp_path / "box"))
    assert largest_change(packed, module.half_precision_copy(model)) == 0


def test_maps_that_cannot_be_compared_are_refused(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "largest_change", lambda one, other: float("nan"))
    with pytest.raises(ValueError, match="changes a distance of small by nan"):
        pack("small", "abcd", runs, tmp_path / "box")


def test_an_unknown_training_is_told_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["nothing"]) == 2
    assert capsys.readouterr().err.startswith("error: no folder runs/nothing here; train it first")
