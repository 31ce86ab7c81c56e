import pytest
import torch

from pano_models.layers.cross_attention import CrossAttentionBlock


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
