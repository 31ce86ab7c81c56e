"""The released UniFuse on stand-in weights: output, intermediates and every variant."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models import UniFuse
from tests.parity import stand_in
from tests.parity.compare import largest_difference, recorded

FOLDER = Path(__file__).parents[3] / "parity" / "unifuse"
TOLERANCE = 1e-4
# A few of the 8-bit faces' 300 000 values lie on a rounding tie, where an ulp decides.
TOLERANCE_WITH_TIES = 1e-3


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    return stand_in.state_dict(FOLDER / "keys.json")


@pytest.fixture(scope="module")
def model(checkpoint) -> UniFuse:
    return pm.load_official("unifuse", checkpoint)


@pytest.fixture(scope="module")
def faces(expected) -> torch.Tensor:
    strip = torch.from_numpy(expected["cube_u8_256"]).permute(2, 0, 1).float() / 255
    return torch.stack(strip.split(128, dim=-1))[None]


@torch.no_grad()
def test_output_from_the_released_faces(model, faces, expected):
    out = model.predict_from_faces(stand_in.image(256, 512), faces)
    assert largest_difference(out[0, 0, ::4, ::4], expected["pred_256x512_s4"]) < TOLERANCE


@torch.no_grad()
def test_output_from_the_panorama(model, expected):
    out = model(stand_in.image(256, 512))["distance_metric"]
    error = largest_difference(out[0, 0, ::4, ::4], expected["pred_256x512_s4"])
    assert error < TOLERANCE_WITH_TIES


@torch.no_grad()
def test_batch(model, expected):
    rgb = torch.cat([stand_in.image(256, 512), stand_in.image(256, 512, "image2")])
    out = model(rgb)["distance_metric"][:, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_b2_256x512_s8"]) < TOLERANCE_WITH_TIES


@torch.no_grad()
def test_intermediates(model, faces, expected):
    modules = {
        "equi_layer4": model.equi_encoder.layer4,
        "cube_layer4": model.cube_encoder.layer4,
        "depthconv_0": model.decoder.depthconv,
        **{f"fusion_{i + 1}": model.fusion[i] for i in range(5)},
        **{f"upconv_{i + 1}": model.decoder.upconv[i] for i in range(5)},
        **{f"deconv_{i}": model.decoder.deconv[i] for i in range(5)},
    }
    with recorded(modules) as calls:
        model.predict_from_faces(stand_in.image(256, 512), faces)
    values = {name: output for name, (_, output) in calls.items()}
    values |= {f"c2e_{i + 1}": calls[f"fusion_{i + 1}"][0][1] for i in range(5)}
    checked = 0
    for name, reference in expected.items():
        if match := re.fullmatch(r"mid_256_(\w+)_c(\d+)_s(\d+)", name):
            c, s = int(match[2]), int(match[3])
            actual = values[match[1]][:, ::c, ::s, ::s]
            assert largest_difference(actual, reference) < TOLERANCE, name
            checked += 1
    assert checked == 23


@pytest.mark.parametrize("variant", ["cee_no_se", "cat", "biproj", "equi"])
@torch.no_grad()
def test_variants(variant, checkpoint, expected):
    shapes = json.loads((FOLDER / "keys_variants.json").read_text())[variant]
    encoders = {k: v for k, v in checkpoint.items() if k.split(".")[0].endswith("_encoder")}
    if variant == "equi":
        encoders = {k: v for k, v in encoders.items() if k.startswith("equi_encoder.")}
    model = pm.load_official("unifuse", {**encoders, **stand_in.state_dict(shapes)})
    out = model(stand_in.image(256, 512))["distance_metric"][0, 0, ::8, ::8]
    assert largest_difference(out, expected[f"pred_{variant}_256x512_s8"]) < TOLERANCE_WITH_TIES


@pytest.mark.slow  # 4 s
@torch.no_grad()
def test_output_at_full_size(model, expected):
    out = model(stand_in.image(512, 1024))["distance_metric"][0, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_512x1024_s8"]) < TOLERANCE_WITH_TIES
