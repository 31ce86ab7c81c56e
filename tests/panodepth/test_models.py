"""`panodepth models` as its users call it."""

import json

import pytest

import pano_models
from panodepth.cli import main


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("PANODEPTH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("COLUMNS", "200")


def test_table_lists_all_models(capsys):
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    for entry in pano_models.list_models():
        assert entry.model in told
    assert "PANODEPTH_WEIGHTS" in told


def test_names_are_whole_on_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for entry in pano_models.list_models():
        assert any(line.split()[:1] == [entry.model] for line in lines)
    assert max(map(len, lines)) <= 80


def test_json(capsys):
    assert main(["models", "--json"]) == 0
    listed = {entry["model"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed["official:da2"]["predicts"] == "distance_scale_invariant"
    assert listed["official:da2"]["native_size"] == [546, 1092]
    assert listed["official:da2"]["file"] is None
    assert listed["pano_small"]["file"].endswith("model.safetensors")


def test_one_model_in_full(capsys):
    assert main(["models", "da2"]) == 0
    told = capsys.readouterr().out
    assert "UniK3D" in told
    assert "none published" in told


def test_damaged_file_is_exit_code_1(tmp_path, capsys):
    folder = tmp_path / "weights" / "unifuse"
    folder.mkdir(parents=True)
    (folder / "model.pth").write_bytes(b"12345")
    assert main(["models", "--verify", "unifuse"]) == 0
    (folder / "model.pth").write_bytes(b"12346")
    assert main(["models", "--verify", "unifuse"]) == 1
    assert "SHA-256" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["da3"], "no model 'da3', expected one of"),
        (["--download"], "--download needs a name"),
        (["--download", "pano_small"], "it ships with this package"),
        (["--download", "LiheYoung/depth-anything-small-hf"], "downloads it on first use"),
        (["--download", "unifuse"], "put it at"),
    ],
)
def test_what_cannot_be_done_is_a_line(words, expected, capsys):
    assert main(["models", *words]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told
