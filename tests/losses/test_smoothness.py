import pytest
import torch

import pano_geometry as pg
from pano_losses.smoothness import SMOOTHNESS, angle_deg

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
