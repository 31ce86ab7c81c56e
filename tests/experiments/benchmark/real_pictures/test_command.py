import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.benchmark.real_pictures.command import format_table, main


def save(path: Path, height: int = 32, width: int = 64) -> Path:
    generator = np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 255, (height, width, 3), np.uint8)).save(path)
    return path


def test_a_folder_and_a_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "masks").mkdir()
    mask = np.full((32, 64), 255, np.uint8)
    mask[:16] = 0  # sky
    Image.fromarray(mask).save(tmp_path / "masks" / "a_mask.png")
    out = tmp_path / "table.json"
    arguments = [str(tmp_path), "--masks", str(tmp_path / "masks"), "--out", str(out)]
    assert main([*arguments, "--model", "baseline_constant"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "| measure | baseline_constant |\n| --- | --- |\n| floor_flatness | 0.158"
    )
    row = json.loads(out.read_text())["baseline_constant"]["pictures"]["a"]
    assert row["turn_tilt"] < 1e-6
    assert row["sky_recall"] == 0  # it calls nothing sky
    assert row["seam_ratio"] is None  # without a jump there is nothing to divide by


def test_one_bad_picture_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "square.png", 32, 32)
    save(tmp_path / "good.png")
    assert main([str(tmp_path), "--model", "baseline_constant"]) == 2
    said = capsys.readouterr()
    assert "floor_flatness | 0.158" in said.out
    assert "square was not measured" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected panoramas"),
        (["x", "--pairs", "y"], "expected panoramas"),
        (["--pairs", "nowhere"], "holds no NAME_sample.json"),
    ],
)
def test_bad_usage(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Teacher:
        native_size = (64, 64)

    monkeypatch.setattr("pano_models.load", lambda model: Teacher())
    assert main([*arguments, "--model", "runs/teacher"]) == 2
    assert message in capsys.readouterr().err


def test_medians_say_how_many_had_a_value() -> None:
    rows = {"a": {"m": 1.0, "n": math.nan}, "b": {"m": 3.0, "n": 5.0}, "c": {"m": 2.0, "n": 7.0}}
    assert format_table({"x": rows, "y": {"a": {"m": 0.5, "n": math.nan}}}).splitlines() == [
        "| measure | x | y |",
        "| --- | --- | --- |",
        "| m | 2 | 0.5 |",
        "| n | 6 (2) | - |",
    ]
