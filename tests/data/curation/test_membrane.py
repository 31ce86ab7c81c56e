import pytest
import torch

import pano_geometry as pg
from pano_data.curation.membrane import membrane

H, W = 64, 128


def known(rows=slice(24, 44), columns=slice(50, 80)):
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, rows, columns] = True
    return mask


def test_a_constant_stays_constant():
    filled = membrane(torch.full((3, H, W), 0.3), known())
    torch.testing.assert_close(filled, torch.full((3, H, W), 0.3))


def test_known_pixels_stay_and_values_obey_the_maximum_principle():
    image = torch.rand(3, H, W, generator=torch.Generator().manual_seed(0))
    mask = known()
    filled = membrane(image, mask)
    assert torch.equal(filled[:, mask[0]], image[:, mask[0]])
    assert filled.min() >= image[:, mask[0]].min() - 1e-5
    assert filled.max() <= image[:, mask[0]].max() + 1e-5


def test_harmonic_between_two_circles_of_latitude():
    # u = a + b atanh(sin lat) solves the Laplace equation on the sphere between two circles.
    lat = torch.pi / 2 - torch.pi * (torch.arange(H) + 0.5) / H
    exact = torch.atanh(torch.sin(lat))[:, None].expand(1, H, W)
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, :20], mask[:, 44:] = True, True
    filled = membrane(exact, mask)
    span = exact[:, 19, 0] - exact[:, 44, 0]
    assert (filled - exact)[:, 20:44].abs().max() < 0.03 * span


def test_a_cap_over_the_pole_closes_smoothly():
    ray = pg.Equirectangular(H, W).rays()
    image = ray[..., 0][None]  # falls on opposite sides of the pole: a saddle through it
    mask = torch.ones(1, H, W, dtype=torch.bool)
    mask[:, :12] = False
    filled = membrane(image, mask)
    assert filled[:, 0].std() < 0.1  # one value at the pole, of all longitudes
    assert (filled - image)[:, :12].abs().max() < 0.12


def test_turning_the_picture_turns_the_fill():
    image = torch.rand(3, H, W, generator=torch.Generator().manual_seed(1))
    turned = membrane(image.roll(64, -1), known().roll(64, -1))  # now across the seam
    torch.testing.assert_close(turned, membrane(image, known()).roll(64, -1))


def test_nan_outside_changes_nothing():
    image, mask = torch.rand(3, H, W), known()
    poisoned = torch.where(mask, image, torch.nan)
    assert torch.equal(membrane(poisoned, mask), membrane(image, mask))


def test_nothing_known_raises():
    with pytest.raises(ValueError, match="nothing is known"):
        membrane(torch.zeros(3, H, W), torch.zeros(1, H, W, dtype=torch.bool))
