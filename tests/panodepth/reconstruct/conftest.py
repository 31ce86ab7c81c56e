"""Exact predictions of a box and of two rooms, as folders that the command reads."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panodepth.outputs.records import save_prediction
from panodepth.prediction import MapKind, PredictedMap
from panodepth.reconstruct.posed_panorama import PosedPanorama

PLACES = {"a": (0.0, 0.1, 0.0), "b": (0.6, 0.0, 0.4), "c": (-0.5, -0.2, 0.5)}
Box = Callable[..., PosedPanorama]
ROOMS = {"hall": (-1.6, 0.0, 0.4), "kitchen": (1.9, 0.1, -0.3)}


@pytest.fixture
def predict(tmp_path: Path, box_from: Box) -> Callable[..., Path]:
    """Writes exact predictions of the box, in the camera's own unit where `scales` are given."""

    def write(scales: dict[str, float] | None = None, folder: str = "in") -> Path:
        kind: MapKind = "distance_scale_invariant" if scales else "distance_metric"
        for name, place in PLACES.items():
            room = box_from(place, height=96)
            scale = np.float32((scales or {}).get(name, 1.0))
            everything = np.ones(room.distance.shape, bool)
            source = tmp_path / f"{name}.png"
            Image.fromarray(room.rgb).save(source)
            prediction = PredictedMap(kind, room.distance / scale, everything, ~everything, 96)
            about = {"source": str(source), "model": "box", "working_height": 96}
            save_prediction(tmp_path / folder, name, room.rgb, prediction, ["npy"], about)
        return tmp_path / folder

    return write


@pytest.fixture
def poses_file(tmp_path: Path) -> Path:
    """Where the panoramas of `predict` were taken."""
    path = tmp_path / "poses.json"
    path.write_text(json.dumps({n: {"position": p} for n, p in PLACES.items()}))
    return path


@pytest.fixture
def predict_rooms(tmp_path: Path, room_from: Box) -> Callable[..., list[str]]:
    """Words of a command: predictions of two rooms in one unit, and where they were taken."""

    def write(
        unit: float, positions: dict[str, tuple[float, float, float]] = ROOMS, **room: float
    ) -> list[str]:
        for name, place in ROOMS.items():
            seen = room_from(place, **room)
            everything = np.ones(seen.distance.shape, bool)
            source = tmp_path / f"{name}.png"
            Image.fromarray(seen.rgb).save(source)
            distance = seen.distance / np.float32(unit)
            kind: MapKind = "distance_scale_invariant"
            prediction = PredictedMap(kind, distance, everything, ~everything, 96)
            about = {"source": str(source), "model": "room", "working_height": 96}
            save_prediction(tmp_path / "in", name, seen.rgb, prediction, ["npy"], about)
        (tmp_path / "p.json").write_text(
            json.dumps({n: {"position": p} for n, p in positions.items()})
        )
        words = ["reconstruct", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
        return [*words, "--save", "cloud", "--poses", str(tmp_path / "p.json")]

    return write
