import pytest
import torch

from pano_losses.boundary import BOUNDARY, precision, recall


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
