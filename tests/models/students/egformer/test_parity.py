"""The released EGformer on stand-in weights; the network has one size, 512x1024."""

from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models import EGFormer
from tests.parity import stand_in
from tests.parity.compare import largest_difference, recorded

FOLDER = Path(__file__).parents[3] / "parity" / "egformer"
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def model() -> EGFormer:
    return pm.load_official("egformer_depth_anywhere", stand_in.state_dict(FOLDER / "keys.json"))


def tokens(model: EGFormer) -> dict[str, torch.nn.Module]:
    """Modules whose token tensors are stored."""
    pyramid = model.pyramid
    encoder, decoder = pyramid.encoder, pyramid.decoder
    return {
        "patch_embed": pyramid.patch_embed,
        "stage1_0": encoder[0][0],
        "stage1_1": encoder[0][1],
        "stage2_1": encoder[1][1],
        "stage3_1": encoder[2][1],
        "bottleneck_1": pyramid.bottleneck[1],
        "dec_stage8_0": decoder[3][0],
        "dec_stage8_1": decoder[3][1],
        **{f"downsample{i + 1}": pyramid.downsample[i] for i in range(4)},
        **{f"upsample{i + 5}": pyramid.upsample[i] for i in range(4)},
    }


@torch.no_grad()
def test_output_and_intermediates(model, expected):
    """12 s: there is no smaller case."""
    maps = {f"tune{i + 5}": model.pyramid.tune[i] for i in range(4)} | {
        "tune_final": model.tune_final
    }
    with recorded({**tokens(model), **maps}) as calls:
        out = model(stand_in.image(512, 1024))["disparity_affine"]
    assert largest_difference(out[0, 0, ::8, ::8], expected["pred_da_512x1024_s8"]) < TOLERANCE
    for name, (_, value) in calls.items():
        if name in maps:
            value = value.permute(0, 3, 1, 2)
            _, c, h, w = value.shape
            value = value[:, :: c // 4, :: h // 8, :: w // 16]
        else:
            value = value.flatten(1, 2)
            _, length, c = value.shape
            value = value[:, :: max(1, length // 64), :: max(1, c // 8)]
        assert largest_difference(value, expected[f"mid_{name}"]) < TOLERANCE, name


@pytest.mark.slow  # 25 s
@torch.no_grad()
def test_pictures_of_a_batch_influence_each_other_as_released(model, expected):
    rgb = torch.cat([stand_in.image(512, 1024), stand_in.image(512, 1024, "image2")])
    out = model(rgb)["disparity_affine"][:, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_da_b2_512x1024_s8"]) < TOLERANCE


@pytest.mark.slow  # 13 s
@torch.no_grad()
def test_authors_use(expected):
    checkpoint = stand_in.state_dict(FOLDER / "keys.json")
    model = pm.load_official("egformer", {f"module.{k}": v for k, v in checkpoint.items()})
    out = model(stand_in.image(512, 1024))["distance_metric"][0, 0, ::8, ::8] / 8
    assert largest_difference(out, expected["pred_orig_512x1024_s8"]) < TOLERANCE
