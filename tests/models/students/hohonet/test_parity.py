"""The released HoHoNet on stand-in weights, in its authors' use and in Depth Anywhere's."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models import HoHoNet
from tests.parity import stand_in
from tests.parity.compare import largest_difference, recorded

FOLDER = Path(__file__).parents[3] / "parity" / "hohonet"
TOLERANCE = 3e-4
RELEASES = {"orig": "hohonet", "da": "hohonet_depth_anywhere"}


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


def checkpoint(height: int) -> dict[str, torch.Tensor]:
    shapes = json.loads((FOLDER / "keys.json").read_text())
    if height == 256:
        shapes |= json.loads((FOLDER / "keys_256_changed.json").read_text())
    return stand_in.state_dict(shapes)


@pytest.mark.parametrize("use", RELEASES)
@torch.no_grad()
def test_output(expected, use):
    model = pm.load_official(RELEASES[use], checkpoint(256))
    out = next(iter(model(stand_in.image(256, 512)).values()))
    assert largest_difference(out[0, 0, ::8, ::8], expected[f"pred_{use}_256x512_s8"]) < TOLERANCE


@pytest.fixture(scope="module")
def full_size() -> HoHoNet:
    return pm.load_official("hohonet_depth_anywhere", checkpoint(512))


@torch.no_grad()
def test_full_size_output_and_intermediates(full_size, expected):
    """4 s; the only size whose intermediates are stored."""
    modules = {
        **{f"layer{i + 1}": layer for i, layer in enumerate(full_size.encoder.layers)},
        **{f"ghc{i}": level for i, level in enumerate(full_size.compress.levels)},
        "fuse": full_size.compress,
        "transen": full_size.transformer,
        "latent": full_size.latent,
        "coef": full_size.columns.conv2,
    }
    with recorded(modules) as calls:
        out = full_size(stand_in.image(512, 1024))["disparity_affine"]
    assert largest_difference(out[0, 0, ::8, ::8], expected["pred_da_512x1024_s8"]) < TOLERANCE
    for name, (_, value) in calls.items():
        if name == "transen":  # stored sequence first
            value = value.permute(2, 0, 1)
        divisors = (1, 8, 4, 8) if value.ndim == 4 else (8, 8, 8)
        steps = [max(1, n // d) for n, d in zip(value.shape, divisors, strict=True)]
        sampled = value[tuple(slice(None, None, step) for step in steps)]
        assert largest_difference(sampled, expected[f"mid_{name}"]) < TOLERANCE, name


@pytest.mark.slow  # 5 s
@torch.no_grad()
def test_authors_use_at_full_size(expected):
    model = pm.load_official("hohonet", checkpoint(512))
    out = model(stand_in.image(512, 1024))["distance_metric"][0, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_orig_512x1024_s8"]) < TOLERANCE
