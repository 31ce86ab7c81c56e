"""Numbers beside those of others: torchmetrics always, the evaluators where they are given."""

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from benchmarks import metrics
from benchmarks.metric_peers import EDGE_M, MetricRow, of_torchmetrics
from pano_losses.boundary_distance import BOUNDARY_DISTANCE
from pano_losses.gradients import sobel_magnitude
from scripts.write_protocols import rooms


def test_torchmetrics_has_the_same_numbers_where_it_means_the_same() -> None:
    found = list(of_torchmetrics(rooms()))
    assert len([row for row in found if not row.reason]) == 4
    for row in found:
        assert (row.apart < metrics.AGREE) == (not row.reason), row


def test_boundary_distance_is_that_of_a_distance_transform() -> None:
    maps = metrics.posts()
    ours = {
        name: BOUNDARY_DISTANCE[f"boundary_{name}_px_{EDGE_M:g}m"].per_image(*maps)
        for name in ("accuracy", "completeness")
    }
    edges = [(sobel_magnitude(x, maps[2])[0] > EDGE_M)[:, 0].numpy() for x in maps[:2]]
    for i, (found, true) in enumerate(zip(*edges, strict=True)):
        to_true, to_found = (distance_transform_edt(~e).clip(max=10) for e in (true, found))
        near = found & (to_true < 10)
        assert ours["accuracy"][i].item() == pytest.approx(to_true[near].mean())
        assert ours["completeness"][i].item() == pytest.approx(to_found[true].mean())
    assert 0.3 < ours["accuracy"].mean() < ours["completeness"].mean() < 10


def test_posts_keep_away_from_what_the_peers_cut() -> None:
    _, truth, _ = metrics.posts()
    assert (truth[..., :30] == 4).all()
    assert (truth[..., -12:] == 4).all()
    assert np.isclose((truth == 2).double().mean().item(), 0.06, atol=0.02)


def test_a_difference_without_a_reason_is_shown_as_one() -> None:
    same = MetricRow("peer", "x", 1.0, 1.0 + 1e-7)
    apart = MetricRow("peer", "y", 1.0, 1.1)
    known = MetricRow("peer", "z", 1.0, 1.1, "another definition")
    rows = metrics.table([same, apart, known]).splitlines()[2:]
    verdicts = [row.split(" | ")[-1].rstrip(" |") for row in rows]
    assert verdicts == ["same", "DIFFERS by 9.1e-02", "another definition"]


def test_smooth_rooms_have_no_pixel_noise() -> None:
    prediction, truth, valid = metrics.smooth_rooms()
    ratio = (prediction / truth).log()
    assert valid.all()
    assert torch.diff(ratio, dim=-1).abs().max() < 0.05
    assert ratio.std() > 0.05
