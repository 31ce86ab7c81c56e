"""Fixtures shared by all tests.

Imports torch and pytest only, so that geometry's tests run alone.
"""

import os

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded, as in `experiments`

# Tests say themselves which way they resample; a kernel that was built here changes nothing.
os.environ.setdefault("PANO_GEOMETRY_NATIVE", "0")

import torch


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator: the same stream in every test."""
    return torch.Generator().manual_seed(20261121)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="needs a CUDA device: scripts/gpu_check.sh")
    for item in items:
        if item.get_closest_marker(
            "gpu"
        ):  # not `in item.keywords`: folders named gpu are there too
            item.add_marker(skip)
