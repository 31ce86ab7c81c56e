"""Analytic rooms in the layout of Stanford2D3D, and a predictor whose answers are known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pano_data import Manifest, ManifestDataset, datasets, manifest_of
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

SIZE = (32, 64)
ROOMS = 7


class Guess:
    """Predicts from the picture alone, differently for each image; remembers what it was asked."""

    network = "guess"
    identity = "1"
    sees_pictures = False
    module = None

    def __init__(self, kind: str = "distance_scale_invariant", fail_after: int | None = None):
        self.kind, self.fail_after = kind, fail_after
        self.asked: list[str] = []

    def prepare(self, manifest: Manifest, size: tuple[int, int]) -> None:
        """Ready."""

    def predict(self, batch: Mapping[str, Any], device: str) -> dict[str, Tensor]:
        """Brightness as distance."""
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked += batch["key"]
        return {self.kind: batch["image"].mean(1, keepdim=True).to(device) + 0.5}


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of the rooms."""
    root = tmp_path_factory.mktemp("stanford2d3d")
    miniatures.write(
        "stanford2d3d", root, scenes={"test": ROOMS}, size=SIZE, studio=BoxStudio(half=(3, 1.4, 4))
    )
    return root


@pytest.fixture
def rooms(raw: Path) -> ManifestDataset:
    """The rooms."""
    rows = manifest_of(datasets.get("stanford2d3d").rows(raw, "test"))
    assert len(rows) == ROOMS
    return ManifestDataset(rows, raw, SIZE)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads change the last digits."""
    torch.set_num_threads(1)
