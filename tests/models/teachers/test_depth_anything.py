"""The authors' Depth Anything ViT-S on stand-in weights, through transformers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pano_models import load_depth_anything
from pano_models.errors import CheckpointError
from tests.parity import stand_in
from tests.parity.compare import largest_difference

pytest.importorskip("transformers")
FOLDER = Path(__file__).parents[2] / "parity" / "teacher"


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected_v1_vits.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    return stand_in.state_dict(FOLDER / "keys_v1_vits.json")


@pytest.mark.parametrize("version", [1, 2])
def test_output(checkpoint, expected, version):
    teacher = load_depth_anything(checkpoint, version=version)
    out = teacher(stand_in.image(518, 518))["disparity_affine"]
    reference = expected[f"v{version}_vits_518_s14"]
    assert largest_difference(out[0, 0, ::14, ::14], reference) < 2e-5


def test_other_sizes_differ_by_the_position_table(checkpoint, expected):
    """The authors' own resizing shifts the table by 0.1; transformers' does not."""
    teacher = load_depth_anything(checkpoint, size=(252, 252))
    out = teacher(stand_in.image(252, 252))["disparity_affine"]
    error = largest_difference(out[0, 0, ::14, ::14], expected["v1_vits_252_s14"])
    assert 1e-5 < error < 3e-3


def test_missing_tensor_is_named(checkpoint):
    state = {k: v for k, v in checkpoint.items() if k != "pretrained.norm.weight"}
    with pytest.raises(CheckpointError, match=r"missing: backbone\.layernorm\.weight"):
        load_depth_anything(state)


@pytest.mark.parametrize(
    ("state", "version", "message"),
    [({}, 1, "0 wide"), ({"pretrained.cls_token": torch.zeros(1, 1, 384)}, 3, "version is 3")],
)
def test_unusable(state, version, message):
    with pytest.raises(ValueError, match=message):
        load_depth_anything(state, version=version)
