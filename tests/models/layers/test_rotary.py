import math

import pytest
import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3

from pano_models.layers.rotary import (
    azimuth_table,
    dinov3_table,
    dinov3_table_whole_turns,
    rotate,
)


@pytest.mark.parametrize("grid", [(5, 10), (16, 32), (7, 3)])
def test_dinov3_table_is_timms(grid):
    timm_table = RotaryEmbeddingDinoV3(64, temperature=100.0).get_embed(list(grid))
    torch.testing.assert_close(dinov3_table(*grid, 64), timm_table, atol=2e-6, rtol=0)


def test_periods_of_a_checkpoint_are_timms_too():
    rope = RotaryEmbeddingDinoV3(64, temperature=100.0)
    rope.periods.copy_(rope.periods.bfloat16())
    table = dinov3_table(5, 10, 64, periods=rope.periods.tolist())
    torch.testing.assert_close(table, rope.get_embed([5, 10]), atol=2e-6, rtol=0)
    assert (table - dinov3_table(5, 10, 64)).abs().max() > 1e-3


@pytest.mark.parametrize("periods", [[1.0] * 15, [0.0] + [1.0] * 15])
def test_unusable_periods(periods):
    with pytest.raises(ValueError, match="expected 16 rotary periods above 0"):
        dinov3_table(5, 10, 64, periods=periods)


@pytest.mark.parametrize("build", [azimuth_table, dinov3_table_whole_turns])
def test_attention_sees_azimuth_as_a_difference(build):
    """Turning queries and keys by whole columns leaves every logit where it was, turned."""
    rows, cols, dim = 3, 8, 32
    table = build(rows, cols, dim)
    q, k = torch.randn(2, 1, 1, rows * cols, dim, generator=torch.Generator().manual_seed(0))

    def attention(q, k):
        return rotate(q, table)[0, 0] @ rotate(k, table)[0, 0].T

    def turn(x):
        return x.view(1, 1, rows, cols, dim).roll(3, 3).reshape(x.shape)

    before = attention(q, k).view(rows, cols, rows, cols).roll((3, 3), (1, 3))
    torch.testing.assert_close(attention(turn(q), turn(k)), before.reshape(24, 24))


@pytest.mark.parametrize("build", [azimuth_table, dinov3_table_whole_turns])
def test_prefix_tokens_see_no_azimuth(build):
    rows, cols, dim = 3, 8, 32
    table = build(rows, cols, dim, 2)
    assert torch.equal(table[2:], build(rows, cols, dim))
    tokens = torch.randn(1, 1, 2 + rows * cols, dim)
    tokens[:, :, 2:] = tokens[:, :, 2:3]  # one patch everywhere
    turned = rotate(tokens, table)[0, 0]
    logits = (turned[:2] @ turned[2:].T).view(2, rows, cols)
    assert logits.abs().min() > 0
    torch.testing.assert_close(logits, logits[..., :1].expand_as(logits))


def test_released_table_does_not_wrap():
    rows, cols, dim = 3, 8, 32
    table = dinov3_table(rows, cols, dim)
    seam = (table[0] - table[cols - 1]).abs().max()
    step = (table[0] - table[1]).abs().max()
    wrapped = dinov3_table_whole_turns(rows, cols, dim)
    assert seam > 1.2 * step
    assert (wrapped[0] - wrapped[cols - 1]).abs().max() == pytest.approx(
        (wrapped[0] - wrapped[1]).abs().max().item(), rel=1e-5
    )


def test_rotation_keeps_lengths_and_turns_by_the_angle():
    table = torch.tensor([[math.sin(0.3)] * 2 + [math.cos(0.3)] * 2])
    x = torch.tensor([[[[1.0, 0.0]]]])
    out = rotate(x, table).flatten()
    assert out.tolist() == pytest.approx([math.cos(0.3), math.sin(0.3)])


def test_rows_share_the_azimuth_table():
    table = azimuth_table(2, 6, 16)
    assert torch.equal(table[:6], table[6:])
