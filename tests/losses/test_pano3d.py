import pytest
import torch

import pano_geometry as pg
from pano_losses.pano3d import BOUNDARY, SMOOTHNESS, angle_deg, precision, recall


def _wall(*columns, far=3.0):
    """Distance 1 m, and ``far`` between two columns."""
    field = torch.ones(1, 1, 16, 32, dtype=torch.float64)
    field[..., columns[0] : columns[1]] = far
    return field


VALID = torch.ones(1, 1, 16, 32, dtype=torch.bool)


def test_the_right_edges_have_full_precision_and_recall():
    for metric in BOUNDARY.values():
        assert metric.per_image(_wall(8, 20), _wall(8, 20), VALID) == 1.0


def test_half_of_the_edges_found_and_half_of_the_found_true():
    # In the middle rows each step gives 2 edge columns; one of two steps is at the right place.
    target, prediction = _wall(8, 20), _wall(8, 24)
    inner = VALID.clone()
    inner[..., :3, :] = inner[..., -3:, :] = False
    assert precision(0.5).per_image(prediction, target, inner) == 0.5
    assert recall(0.5).per_image(prediction, target, inner) == 0.5


def test_a_smooth_prediction_has_precision_and_recall_zero():
    flat = torch.ones_like(_wall(0, 1))
    assert precision(0.5).per_image(flat, _wall(8, 20), VALID) == 0.0
    assert recall(0.5).per_image(flat, _wall(8, 20), VALID) == 0.0


def test_an_image_without_a_true_edge_is_left_out():
    flat = torch.ones_like(_wall(0, 1))
    for metric in BOUNDARY.values():
        assert metric.per_image(_wall(8, 20), flat, VALID).isnan()


@pytest.mark.parametrize(("threshold", "edge"), [(0.25, True), (1.0, False)])
def test_threshold_is_in_metres_of_the_sobel_gradient(threshold, edge):
    step = _wall(8, 20, far=1.2)  # Sobel length 4 * 0.2 = 0.8
    assert recall(threshold).per_image(step, step, VALID).isnan() != edge


def test_edges_next_to_holes_do_not_count():
    holed = VALID.clone()
    holed[..., 6:10] = False
    holed[..., 18:22] = False
    holed[..., :3, :] = holed[..., -3:, :] = False  # steps are mirrored across the poles
    assert recall(0.5).per_image(_wall(8, 20), _wall(8, 20), holed).isnan()


RAYS = pg.Equirectangular(64, 128).rays().double()


def _plane(normal):
    """Distance along each ray to the plane n.x = 1, and where it is in front of it."""
    along = RAYS @ torch.tensor(normal, dtype=torch.float64)
    return (1 / along)[None, None], ((along > 0.1) & (along < 2))[None, None]


@pytest.mark.parametrize("tilt_deg", [5.0, 15.0, 40.0])
def test_two_planes_differ_by_their_angle(tilt_deg):
    tilt = torch.deg2rad(torch.tensor(tilt_deg, dtype=torch.float64))
    target, here = _plane([0.0, 1.0, 0.0])
    prediction, there = _plane([float(tilt.sin()), float(tilt.cos()), 0.0])
    valid = here & there
    found = SMOOTHNESS["normal_rmse_deg"].per_image(prediction, target, valid).item()
    assert found == pytest.approx(tilt_deg, abs=0.01)
    for bound in ("11.25", "22.5", "30"):
        share = SMOOTHNESS[f"normal_within_{bound}deg"].per_image(prediction, target, valid).item()
        assert share == (1.0 if tilt_deg < float(bound) else 0.0)


def test_small_angles_keep_their_precision(generator):
    target, valid = _plane([0.0, 1.0, 0.0])
    angle, exists = angle_deg(target, target, valid)
    assert angle[exists].max() < 1e-6
    assert exists.sum() > 1000


def test_scale_does_not_matter():
    target, valid = _plane([0.0, 1.0, 0.2])
    assert SMOOTHNESS["normal_rmse_deg"].per_image(7 * target, target, valid).item() < 1e-6
