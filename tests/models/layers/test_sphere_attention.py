import math

import pytest
import torch

from pano_models.layers.sphere_attention import (
    CONTEXTS,
    CrossAttentionBlock,
    latitude_context,
    paper_angles,
    released_angles,
)


def test_released_angles_are_those_of_the_top_left_pixels():
    lat, lon = released_angles(39, 78, 14, (546, 1092)).view(39, 78, 2).unbind(-1)
    v = torch.arange(39) * 14 + 0.5
    expected = (v / 546 - 0.5) * 3.1416
    torch.testing.assert_close(lat, expected[:, None].expand(39, 78), atol=5e-4, rtol=0)
    assert lon[20, 0] == pytest.approx(-math.pi + 0.5 / 1092 * 2 * math.pi, abs=1e-4)
    assert lon[20, 39] == pytest.approx(0.5 / 1092 * 2 * math.pi, abs=1e-4)


def test_released_sphere_is_cut_for_other_sizes():
    """At 512x1024 the release covers 157.7° of longitude and 81° of latitude only."""
    factor = math.sqrt(580_000 / (512 * 1024))
    angles = released_angles(39, 77, 14, (546 * factor, 1092 * factor))
    lat, lon = angles.view(39, 77, 2).unbind(-1)
    # the last patch's first pixel, 13 pixels before the border named in the documentation
    step = 2 * 180 / (1092 * factor)
    assert math.degrees(lon.max()) == pytest.approx(157.7 - 13 * step, abs=0.1)
    assert math.degrees(lat.max()) == pytest.approx(81.0 - 13 * step, abs=0.1)


def test_paper_angles_are_patch_centres():
    angles = paper_angles(2, 4).view(2, 4, 2)
    assert angles[0, :, 0].tolist() == pytest.approx([math.pi * (0.25 + 0.5 * i) for i in range(4)])
    assert angles[:, 0, 1].tolist() == pytest.approx([math.pi / 4, 3 * math.pi / 4])


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("grid", [(9, 18), (5, 10), (39, 78)])
def test_contexts_are_bounded_and_tell_rows_apart(name, grid):
    context = CONTEXTS[name](*grid, 14, (grid[0] * 14, grid[1] * 14), 64)
    assert context.shape == (grid[0] * grid[1], 64)
    assert context.abs().max() <= 1
    rows = context.view(*grid, 64)[:, 0]
    distances = torch.cdist(rows, rows) + torch.eye(grid[0])
    assert distances.min() > 1e-2


def test_latitude_context_is_the_same_along_a_row():
    context = latitude_context(4, 8, 14, (56, 112), 32).view(4, 8, 32)
    assert torch.equal(context, context[:, :1].expand(4, 8, 32))


def test_against_the_formula():
    """The docstring's equation, head by head, without fused attention."""
    torch.manual_seed(0)
    block = CrossAttentionBlock(12, 3).double()
    x, context = torch.randn(2, 5, 12).double(), torch.randn(1, 7, 12).double()
    q = block.query(block.norm_x(x)).view(2, 5, 3, 4)
    k, v = block.key_value(block.norm_context(context)).view(1, 7, 2, 3, 4).unbind(2)
    weights = torch.einsum("bnhd,cmhd->bhnm", q, k).div(2).softmax(-1)
    attended = torch.einsum("bhnm,cmhd->bnhd", weights, v).reshape(2, 5, 12)
    y = x + block.out(attended)
    torch.testing.assert_close(block(x, context), y + block.mlp(y))


def test_gradcheck():
    block = CrossAttentionBlock(4, 2, expansion=2).double()
    x = torch.randn(1, 3, 4, dtype=torch.double, requires_grad=True)
    context = torch.randn(1, 2, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x, context))


def test_width_is_split_evenly():
    with pytest.raises(ValueError, match="width 10 is not a multiple of 4 heads"):
        CrossAttentionBlock(10, 4)
