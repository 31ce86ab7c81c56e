"""Exact predictions of a box room, as `panodepth predict` writes them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pano_geometry import Equirectangular
from panodepth.outputs.records import save_prediction
from panodepth.prediction import PredictedMap
from tests.panodepth.conftest import box_distance

HEIGHT, WIDTH = 256, 512


def smooth_picture() -> np.ndarray:
    """Colours that are functions of the direction: right in every view, without a seam."""
    rays = Equirectangular(HEIGHT, WIDTH).rays(dtype=torch.float64).numpy()
    return np.rint(127.5 + 100 * rays).astype(np.uint8)


@pytest.fixture
def predict_room(tmp_path: Path) -> Callable[..., Path]:
    """Writes records of the room: `predict_room("a", "b")` -> the folder."""

    def write(*names: str) -> Path:
        folder = tmp_path / "predictions"
        values = box_distance(HEIGHT, WIDTH).to(torch.float32).numpy()
        valid, far = np.ones((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
        valid[-20:], far[:5] = False, True
        prediction = PredictedMap("distance_metric", values, valid, far)
        for name in names:
            source = tmp_path / f"{name}.png"
            Image.fromarray(smooth_picture()).save(source)
            about = {"source": str(source), "model": "box", "working_height": HEIGHT}
            save_prediction(folder, name, smooth_picture(), prediction, ("npy",), about)
        return folder

    return write


@pytest.fixture
def save_poses(tmp_path: Path) -> Callable[..., Path]:
    """Writes poses: `save_poses(a={"position": [1, 2, 3]})` -> the file."""

    def write(**poses: dict[str, object]) -> Path:
        path = tmp_path / "poses.json"
        path.write_text(json.dumps(poses))
        return path

    return write
