import torch

from pano_losses import edge_silog, silog
from pano_losses.gradient import edge_pixels


def _step(column):
    target = torch.ones(1, 1, 16, 32, dtype=torch.float64)
    target[..., column:] = 5.0
    return target, torch.ones(1, 1, 16, 32, dtype=torch.bool)


def test_edges_are_the_step_and_its_twin_across_the_seam():
    target, valid = _step(20)
    edges = edge_pixels(target, valid, quantile=0.8)
    columns = edges[0, 0, 8].nonzero().flatten().tolist()
    assert columns == [0, 19, 20, 31]  # a step from 1 to 5 at 20, and back across 180 degrees


def test_a_map_that_wraps_has_no_edge_at_the_border():
    ramp = torch.sin(torch.arange(32, dtype=torch.float64) / 32 * 2 * torch.pi) + 3
    edges = edge_pixels(ramp.expand(1, 1, 16, 32), torch.ones(1, 1, 16, 32, dtype=torch.bool), 0.5)
    rolled = edge_pixels(
        ramp.roll(7).expand(1, 1, 16, 32), torch.ones(1, 1, 16, 32, dtype=torch.bool), 0.5
    )
    assert torch.equal(edges.roll(7, -1), rolled)


def test_edge_silog_is_silog_over_the_edges(maps):
    edges = edge_pixels(maps.target, maps.valid, 0.7)
    assert 0 < edges.sum() < maps.valid.sum()
    assert torch.equal(
        edge_silog(*maps, 0.7).value, silog(maps.prediction, maps.target, edges).value
    )


def test_a_flat_map_has_no_edge_and_no_loss():
    flat = torch.full((1, 1, 16, 32), 2.0)
    reduced = edge_silog(2 * flat, flat, torch.ones(1, 1, 16, 32, dtype=torch.bool))
    assert reduced.empty
    assert reduced.value == 0
