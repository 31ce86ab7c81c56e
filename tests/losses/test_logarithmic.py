import numpy as np
import pytest
import torch

from pano_losses import edge_silog, silog
from pano_losses.gradients import edge_pixels

from . import oracle


def _moments(maps, i, rows):
    keep = maps.valid[i, 0]
    g = (maps.prediction[i, 0][keep].log() - maps.target[i, 0][keep].log()).numpy()
    w = np.broadcast_to(rows[:, None], (12, 24))[keep.numpy()]
    return g, w


@pytest.mark.parametrize("focus", [0.0, 0.5, 0.85, 1.0])
def test_silog_equals_the_oracle(maps, focus):
    rows = oracle.solid_angle_rows(12, 24)
    values = []
    for i in range(3):
        g, w = _moments(maps, i, rows)
        first, second = np.average(g, weights=w), np.average(g**2, weights=w)
        values.append(np.sqrt(second - focus * first**2))
    found = silog(*maps, focus, lambda like: torch.tensor(rows)[:, None].to(like))
    assert found.value.item() == pytest.approx(np.mean(values), abs=1e-13)


def test_pooled_moments(maps):
    g = np.concatenate([_moments(maps, i, np.ones(12))[0] for i in range(3)])
    found = silog(*maps, 0.5, averaging="pixel").value.item()
    assert found == pytest.approx(np.sqrt((g**2).mean() - 0.5 * g.mean() ** 2), abs=1e-13)


def test_full_variance_focus_does_not_see_the_scale(maps):
    scaled = maps._replace(prediction=9 * maps.prediction)
    torch.testing.assert_close(silog(*scaled, 1.0).value, silog(*maps, 1.0).value)
    assert silog(*scaled, 0.5).value > silog(*maps, 0.5).value


def test_zero_and_negative_predictions_are_floored(maps):
    broken = maps._replace(prediction=maps.prediction - 3.0)
    assert silog(*broken).value.isfinite()
    floored = maps._replace(prediction=(maps.prediction - 3.0).clamp(min=1e-3))
    assert torch.equal(silog(*broken).value, silog(*floored).value)


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
