"""What an earlier run has completed, by its record: a damaged one has completed nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panodepth.outputs.records import is_complete, record_path, save_prediction
from panodepth.prediction import PredictedMap

ABOUT = {"source": "a.png", "source_digest": "sha256:1", "model": "m", "working_height": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one complete prediction, `a`."""
    values, everywhere = np.ones((4, 8), np.float32), np.ones((4, 8), bool)
    prediction = PredictedMap("distance_metric", values, everywhere, ~everywhere, 4)
    save_prediction(tmp_path, "a", np.zeros((4, 8, 3), np.uint8), prediction, ["npy"], ABOUT)
    return tmp_path


def test_a_prediction_is_complete_for_what_its_record_says(folder: Path) -> None:
    assert is_complete(folder, "a", ["npy"], ABOUT)
    assert not is_complete(folder, "a", ["npy", "preview"], ABOUT)
    assert not is_complete(folder, "a", ["npy"], ABOUT | {"source_digest": "sha256:2"})
    (folder / "a_distance.npy").unlink()
    assert not is_complete(folder, "a", ["npy"], ABOUT)


@pytest.mark.parametrize(
    "files",
    [[], "npy", None, {"npy": 3}, {"npy": "/etc/hostname"}, {"npy": "../a_distance.npy"}, 7],
)
def test_a_damaged_record_is_none(files: Any, folder: Path) -> None:
    path = record_path(folder, "a")
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"files": files}))
    assert not is_complete(folder, "a", ["npy"], ABOUT)


@pytest.mark.parametrize("text", ["[]", "null", "3", '"a"', "{", "[" * 100_000])
def test_another_file_in_its_place_is_none(text: str, folder: Path) -> None:
    record_path(folder, "a").write_text(text)
    assert not is_complete(folder, "a", ["npy"], ABOUT)
