"""The released BiFuse++ on stand-in weights: output, intermediates, both read-outs."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models import BiFusePlus
from tests.parity import stand_in
from tests.parity.compare import largest_difference, recorded

FOLDER = Path(__file__).parents[3] / "parity" / "bifusepp"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def model() -> BiFusePlus:
    return pm.load_official("bifuse_plus", stand_in.state_dict(FOLDER / "keys.json"))


@torch.no_grad()
def test_output(model, expected):
    out = model(stand_in.image(256, 512))["distance_metric"]
    assert largest_difference(out[0, 0, ::4, ::4], expected["pred_256x512_s4"]) < TOLERANCE


@torch.no_grad()
def test_batch(model, expected):
    rgb = torch.cat([stand_in.image(256, 512), stand_in.image(256, 512, "image2")])
    out = model(rgb)["distance_metric"][:, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_b2_256x512_s8"]) < TOLERANCE


@pytest.mark.parametrize(
    ("head", "name"), [("metric", "raw01"), ("self_supervised", "raw01_selfsup")]
)
@torch.no_grad()
def test_inference_script_forgets_the_normalisation(model, expected, head, name):
    slip = pm.create("bifuse_plus", faithful=True, normalize=False, head=head).eval()
    slip.load_state_dict(model.state_dict())
    out = slip(stand_in.image(256, 512))["distance_metric"][0, 0, ::8, ::8]
    # 1 / (10 sigmoid(x) + 0.01) has slopes up to 2.5 in x over these values
    assert largest_difference(out, expected[f"{name}_256x512_s8"]) < TOLERANCE


@torch.no_grad()
def test_intermediates(model, expected):
    """Every stored activation; f4's exchange, which feeds nobody, is computed to compare."""
    fusions = {f"f{i + 1}": model.pyramid.fusion[i] for i in range(4)}
    decoder = {f"deconv{i}": getattr(model.decoder, f"deconv{i}") for i in (2, 3, 4)}
    with recorded({**fusions, **decoder, "deconv1_2": model.decoder.out}) as calls:
        model(stand_in.image(256, 512))
    values = {name: output for name, (_, output) in calls.items()}
    for name, fusion in fusions.items():
        values[f"{name}_fusion"] = values[name]
        values[f"{name}_equi"], projected = fusion.exchange(*calls[name][0])
        values[f"{name}_cube"] = model.pyramid.to_cube(projected)
    checked = 0
    for name, reference in expected.items():
        if match := re.fullmatch(r"mid_256_(\w+)_c(\d+)_s(\d+)", name):
            c, s = int(match[2]), int(match[3])
            actual = values[match[1]][:, ::c, ::s, ::s]
            assert largest_difference(actual, reference) < TOLERANCE, name
            checked += 1
    assert checked == 16


@pytest.mark.slow  # 5 s
@torch.no_grad()
def test_output_at_full_size(model, expected):
    out = model(stand_in.image(512, 1024))["distance_metric"][0, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_512x1024_s8"]) < TOLERANCE
