"""An analytic network and panoramas for the commands: exact distances, no weights."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from pano_geometry import Equirectangular
from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import ScaledPose


def box_distance(height: int, width: int) -> Tensor:
    """Distance to the walls of a 6 x 2.8 x 5 m box from 1.5 m above its floor: (h, w)."""
    lat = (0.5 - (torch.arange(height) + 0.5) / height)[:, None] * math.pi
    lon = ((torch.arange(width) + 0.5) / width - 0.5)[None] * 2 * math.pi
    x = torch.cos(lat) * torch.sin(lon)
    y = -torch.sin(lat).expand_as(x)
    z = torch.cos(lat) * torch.cos(lon)
    down = torch.where(y > 0, 1.5, 1.3)
    return torch.stack([3 / x.abs(), down / y.abs(), 2.5 / z.abs()]).amin(0)


class BoxRoom(nn.Module):
    """Answers every panorama with the box; pixels brighter than 0.9 are far; NaN where pure red."""

    max_pixels = 64 * 128

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, rgb: Tensor) -> dict[str, Tensor]:
        self.seen.append(tuple(rgb.shape))
        distance = box_distance(*rgb.shape[-2:]).expand(len(rgb), 1, -1, -1).clone()
        red = (rgb[:, :1] > 0.99) & (rgb[:, 1:2] < 0.01) & (rgb[:, 2:] < 0.01)
        distance[red] = math.nan
        far = (rgb.mean(1, keepdim=True) > 0.9).float()
        return {"distance_metric": distance, "far_probability": far}


@pytest.fixture
def box_room() -> BoxRoom:
    return BoxRoom()


@pytest.fixture
def box_map() -> Callable[[int, int], Tensor]:
    return box_distance


@pytest.fixture
def save_panorama(tmp_path: Path) -> Callable[..., Path]:
    """Writes a smooth panorama without a seam: `save_panorama(name, height=64, mode="RGB")`."""

    def save(name: str, height: int = 64, width: int | None = None, mode: str = "RGB") -> Path:
        width = 2 * height if width is None else width
        lon = 2 * np.pi * (np.arange(width) + 0.5) / width
        lat = np.pi * (np.arange(height) + 0.5) / height
        wave = [np.cos(k * lon)[None] * np.sin(lat)[:, None] for k in (1, 2, 3)]
        rgb = np.rint(120 + 60 * np.stack(wave, -1)).astype(np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).convert(mode).save(path)
        return path

    return save


def box_panorama(
    position: tuple[float, float, float], height: int = 64, yaw: float = 0.0
) -> PosedPanorama:
    """A 6 x 2.8 x 5 m box with walls in different colours, seen level from a place in it."""
    turn = Rotation.from_euler("y", yaw).as_matrix()
    rays = Equirectangular(height, 2 * height).rays(dtype=torch.float64).numpy() @ turn.T
    half, at = np.array([3.0, 1.4, 2.5]), np.array(position)
    with np.errstate(divide="ignore"):
        reach = np.where(rays > 0, half - at, -half - at) / rays
    wall = reach.argmin(-1)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]], np.uint8)
    distance = reach.min(-1).astype(np.float32)
    nothing = np.zeros(distance.shape, bool)
    return PosedPanorama("box", colours[wall], distance, nothing, ScaledPose(1.0, turn, at), True)


def room_panorama(
    position: tuple[float, float, float], height: int = 96, wall: float = 0.2, door: float = 0.9
) -> PosedPanorama:
    """One of two rooms of 4 x 2.6 x 5 m, seen level: x from -4 to 0, and from `wall` to `wall` + 4.

    A door of `door` x 2 m is in the middle of the wall between them; its jamb is not seen.
    """
    at = np.array(position)
    rays = Equirectangular(height, 2 * height).rays(dtype=torch.float64).numpy()
    left, right = (-4.0, 0.0), (wall, wall + 4.0)
    mine, other = (left, right) if at[0] <= 0 else (right, left)

    def reach(room: tuple[float, float]) -> np.ndarray:
        low, high = (
            np.array([x, y, z]) for x, y, z in zip(room, (-1.3, 1.3), (-2.5, 2.5), strict=True)
        )
        with np.errstate(divide="ignore"):
            return np.where(rays > 0, high - at, low - at) / rays

    own = reach(mine)
    face, across = own.argmin(-1), np.sign(at[0] - wall / 2) * rays[..., 0] < 0
    for plane in (0.0, wall):
        hit = at + rays * ((plane - at[0]) / rays[..., :1])
        across &= (np.abs(hit[..., 2]) < door / 2) & (hit[..., 1] > -0.7)
    distance = np.where(across, reach(other).min(-1), own.min(-1)).astype(np.float32)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]], np.uint8)
    nothing, pose = np.zeros(distance.shape, bool), ScaledPose(1.0, np.eye(3), at)
    return PosedPanorama("room", colours[face], distance, nothing, pose, True)


@pytest.fixture
def room_from() -> Callable[..., PosedPanorama]:
    return room_panorama


@pytest.fixture
def box_from() -> Callable[..., PosedPanorama]:
    return box_panorama
