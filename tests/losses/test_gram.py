import math

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_losses import gram_matrix_loss
from pano_losses.gram import cut_views, icosahedron_rotations


def test_views_look_at_the_vertices_of_a_regular_icosahedron():
    forward = icosahedron_rotations()[:, :, 2]
    cosines = (forward @ forward.T).fill_diagonal_(0).sort(dim=1).values
    # Each vertex has 5 neighbours, 5 next ones and an antipode.
    expected = torch.tensor(
        [-1.0] + [-1 / math.sqrt(5)] * 5 + [0.0] + [1 / math.sqrt(5)] * 5, dtype=torch.float64
    )
    torch.testing.assert_close(cosines, expected.expand(12, 12), atol=1e-12, rtol=0)


def test_elevations_are_those_measured_in_the_figure():
    down = icosahedron_rotations()[:, 1, 2]
    elevations = torch.rad2deg(torch.asin(-down)).round(decimals=2).sort().values
    assert elevations.tolist() == pytest.approx(
        [-58.28] * 2 + [-31.72] * 2 + [0] * 4 + [31.72] * 2 + [58.28] * 2, abs=0.01
    )
    right = icosahedron_rotations()[:, 1, 0]
    torch.testing.assert_close(right, torch.zeros_like(right), atol=1e-12, rtol=0)  # no roll


def test_batched_views_equal_one_call_each(maps):
    rotations = icosahedron_rotations()
    both = cut_views(torch.cat([maps.prediction, maps.target], 1), rotations, 5, 90.0)
    camera = pg.Perspective.from_fov(5, 5, math.pi / 2)
    for b, n, c in ((0, 0, 0), (2, 7, 1), (1, 11, 0)):
        alone = pg.erp_to_perspective(maps[c][b : b + 1], camera, rotations[n])
        torch.testing.assert_close(both[b, n, c], alone[0, 0])


@pytest.mark.parametrize("rule", ["truth_max", "truth_mean", "row"])
def test_loss_equals_the_oracle(maps, rule):
    valid = maps.valid.double()
    inputs = torch.cat([maps.prediction * valid, maps.target * valid, valid], 1)
    views = cut_views(inputs, icosahedron_rotations(), 6, 90.0).numpy()
    per_view = []
    for view in views.reshape(-1, 3, 6, 6):
        seen = view[2] > 0.999
        if not seen.any():
            continue
        p, t = view[0] * seen, view[1] * seen
        if rule == "row":
            p, t = (
                x
                / np.where(
                    np.linalg.norm(x, axis=1, keepdims=True) > 0,
                    np.linalg.norm(x, axis=1, keepdims=True),
                    1,
                )
                for x in (p, t)
            )
        else:
            scale = t.max() if rule == "truth_max" else t[seen].mean()
            p, t = p / scale, t / scale
        per_view.append((((p @ p.T - t @ t.T) / 6) ** 2).mean())
    found = gram_matrix_loss(*maps, size=6, normalisation=rule).value.item()
    assert found == pytest.approx(np.mean(per_view), rel=1e-10)


def test_the_loss_sees_the_scale_unless_rows_are_normalised(maps):
    scaled = maps._replace(prediction=3 * maps.target)
    assert gram_matrix_loss(*scaled, size=8).value > 0.01
    assert gram_matrix_loss(*scaled, size=8, normalisation="row").value < 1e-12


def test_unit_does_not_matter(maps):
    hundredth = maps._replace(prediction=maps.prediction / 100, target=maps.target / 100)
    torch.testing.assert_close(
        gram_matrix_loss(*hundredth, size=8).value, gram_matrix_loss(*maps, size=8).value
    )
