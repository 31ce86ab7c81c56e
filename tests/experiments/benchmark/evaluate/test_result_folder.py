"""The folder of results: complete, the same twice, with the right pictures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.benchmark.evaluate.result_folder import evenly_spaced, extremes, score_datasets
from experiments.benchmark.evaluate.score import NotPanoramasError, ScoringSettings
from experiments.benchmark.models.folder_predictions import FolderPredictions, PredictionsError
from pano_data.manifest import manifest_of
from pano_data.reader import ManifestDataset
from tests.experiments.benchmark.conftest import SIZE, Guess

SETTINGS = ScoringSettings(("da2_paper",), SIZE, batch_size=4)


def test_files_and_the_same_numbers_twice(rooms: ManifestDataset, tmp_path: Path) -> None:
    for name in ("one", "two"):
        metrics = score_datasets(Guess(), {"stanford2d3d": rooms}, SETTINGS, tmp_path / name)
        assert json.loads((tmp_path / name / "metrics.json").read_text()) == metrics
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert [str(f) for f in files if f.suffix != ".png"] == [
        "curves.json",
        "metrics.json",
        "per_image.parquet",
    ]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    pictures = [str(f.relative_to("samples/stanford2d3d")) for f in files if f.suffix == ".png"]
    assert pictures == ["0.png", "1.png", "2.png", "extremes/best.png", "extremes/median.png",
                        "extremes/worst.png"]  # fmt: skip


def test_what_a_killed_process_left_half_written_goes(
    rooms: ManifestDataset, tmp_path: Path
) -> None:
    left = [
        ".metrics.0123abcd.part.json",
        ".per_image.0123abcd.part.parquet",
        "samples/stanford2d3d/.0.dbb6e93e.part.png",
        "samples/stanford2d3d/extremes/.best.dbb6e93e.part.png",
    ]
    for name in left:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    score_datasets(Guess(), {"stanford2d3d": rooms}, SETTINGS, tmp_path)
    assert list(tmp_path.rglob("*.part*")) == []


def test_nothing_under_a_final_name_before_the_end(rooms: ManifestDataset, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        score_datasets(Guess(fail_after=4), {"stanford2d3d": rooms}, SETTINGS, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".journal"]


def test_extremes() -> None:
    table = pd.DataFrame(
        {
            "protocol": ["seam"] * 4 + ["metric"] * 4,
            "absrel": [None] * 4 + [0.3, float("nan"), 0.1, 0.2],
        }
    )
    assert extremes(table) == {"best": 2, "median": 3, "worst": 0}
    assert extremes(table[:4]) == {}
    assert evenly_spaced(2) == {"0": 0, "1": 1}
    assert evenly_spaced(9) == {"0": 0, "1": 3, "2": 6}


def test_rules_for_a_data_set_follow_its_rows_and_not_the_name_it_is_given(
    rooms: ManifestDataset, tmp_path: Path
) -> None:
    settings = ScoringSettings(("depth_anywhere_released", "da2_released"), SIZE)
    metrics = score_datasets(Guess(), {"mine": rooms, "stanford2d3d": rooms}, settings, tmp_path)
    assert metrics["mine"] == metrics["stanford2d3d"]


def test_rows_that_are_not_panoramas_of_one_data_set_are_refused(
    rooms: ManifestDataset, tmp_path: Path
) -> None:
    rows = list(rooms.manifest)
    intrinsics = (20.0, 0.0, 32.0, 0.0, 20.0, 16.0, 0.0, 0.0, 1.0)
    pinhole = [replace(row, projection="pinhole", intrinsics=intrinsics) for row in rows]
    mixed = [replace(rows[0], dataset="zind"), *rows[1:]]
    for wrong, message in (
        ([], "got rows of no data set"),
        (mixed, "got rows of stanford2d3d, zind|got rows of zind, stanford2d3d"),
        (pinhole, "stanford2d3d holds perspective pictures, expected panoramas"),
    ):
        data = {"rooms": rooms, "wrong": ManifestDataset(manifest_of(wrong), rooms.root, SIZE)}
        guess = Guess()
        with pytest.raises(NotPanoramasError, match=message):
            score_datasets(guess, data, SETTINGS, tmp_path / "out")
        assert guess.asked == []


def test_what_a_later_data_set_lacks_is_told_before_the_first_is_scored(
    rooms: ManifestDataset, tmp_path: Path
) -> None:
    for i, row in enumerate(rooms.manifest[:5]):
        path = tmp_path / "maps" / f"{row.key}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rooms[i]["distance"][0].numpy())
    parts = [
        ManifestDataset(manifest_of(rows), rooms.root, SIZE)
        for rows in (rooms.manifest[:5], rooms.manifest[5:])
    ]
    predictions = FolderPredictions(tmp_path / "maps", "distance_metric")
    with pytest.raises(PredictionsError, match="2 of 2 predictions are missing"):
        score_datasets(predictions, dict(zip("ab", parts, strict=True)), SETTINGS, tmp_path / "out")
    assert not (tmp_path / "out").exists()
