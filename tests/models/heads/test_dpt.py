import pytest
import torch

from pano_models.heads.dpt import DPTHead, Fusion
from pano_models.layers.padding import resize

LEVELS = (8, 8, 16, 16)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("grid", [(4, 8), (5, 10)])
def test_shapes_also_of_odd_grids(wrap, grid):
    head = DPTHead(12, 8, LEVELS, outputs=3, wrap=wrap)
    levels = [torch.randn(2, grid[0] * grid[1], 12) for _ in range(4)]
    size = (16 * grid[0], 16 * grid[1])
    assert head(levels, grid, size).shape == (2, 3, *size)


def test_wrapped_head_turns_by_pairs_of_patches(stir):
    head = stir(DPTHead(12, 8, LEVELS, wrap=True))
    levels = [torch.randn(1, 4, 8, 12) for _ in range(4)]
    out = head([t.flatten(1, 2) for t in levels], (4, 8), (64, 128))
    turned = head([t.roll(2, 2).flatten(1, 2) for t in levels], (4, 8), (64, 128))
    torch.testing.assert_close(turned, out.roll(32, -1))


def test_convolving_before_the_resize_is_convolving_after_it(stir):
    """The release runs the 1x1 convolution at the fine size; the numbers are the same."""
    fusion = stir(Fusion(8, wrap=False, skip=False)).double()
    x = torch.randn(1, 8, 4, 8).double()
    after = fusion.out(resize(fusion.refine(x), (8, 16), align_corners=True))
    torch.testing.assert_close(fusion(x, None, (8, 16)), after)


def test_unused_skip_is_frozen_and_changes_nothing():
    torch.manual_seed(0)
    head = DPTHead(12, 8, LEVELS, unused_skip=True)
    spare = {n for n, p in head.named_parameters() if not p.requires_grad}
    assert spare
    assert all(n.startswith("fuse.3.skip.") for n in spare)
    levels = [torch.randn(1, 32, 12) for _ in range(4)]
    before = head(levels, (4, 8), (64, 128))
    with torch.no_grad():
        for name in spare:
            head.get_parameter(name).fill_(9)
    assert torch.equal(head(levels, (4, 8), (64, 128)), before)
