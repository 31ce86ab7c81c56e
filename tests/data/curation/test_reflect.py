import pytest
import torch

import pano_geometry as pg
from pano_data.curation import ReflectionOutpainter
from pano_data.curation.reflect import fill_membrane, mirror_around

H, W = 64, 128


def picture(columns=(40, 66), rows=(20, 42)):
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, rows[0] : rows[1], columns[0] : columns[1]] = True
    image = torch.rand(3, H, W, generator=torch.Generator().manual_seed(2))
    return torch.where(mask, image, 0.0), mask


def test_known_pixels_are_kept_and_all_are_in_range():
    image, mask = picture()
    full = ReflectionOutpainter()(image, mask)
    assert torch.equal(full[:, mask[0]], image[:, mask[0]])
    assert full.min() >= 0
    assert full.max() <= 1
    assert torch.isfinite(full).all()


def test_true_mirror_images_where_the_circle_divides():
    image, mask = picture(columns=(32, 64))  # a quarter: three mirror images of true size
    band, seen = mirror_around(image, mask)
    assert seen[0, 20:42].all()
    assert not seen[0, :20].any()
    torch.testing.assert_close(band[:, 20:42, 64:96], image[:, 20:42, 32:64].flip(-1))
    torch.testing.assert_close(band[:, 20:42, 96:], image[:, 20:42, 32:64])
    torch.testing.assert_close(band[:, 20:42, :32], image[:, 20:42, 32:64].flip(-1))


@pytest.mark.parametrize("count", [9, 26, 50, 90, 120])
def test_the_circle_closes_without_a_seam(count):
    ramp = torch.linspace(0, 1, count).expand(3, H, count)
    image = torch.zeros(3, H, W)
    image[..., :count] = ramp
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[..., :count] = True
    band, seen = mirror_around(image, mask)
    assert seen.all()
    step = (band - band.roll(1, -1)).abs().max()
    assert step <= 0.25 if count == 120 else step <= 4 / count


def test_no_jump_where_the_picture_ends_on_top():
    rows = torch.linspace(0, 1, H)[:, None].expand(3, H, W)
    _, mask = picture()
    full = ReflectionOutpainter()(torch.where(mask, rows, 0.0), mask)
    assert (full[:, 19, 45:60] - full[:, 20, 45:60]).abs().max() < 0.05


def test_turning_the_picture_turns_the_panorama():
    image, mask = picture()
    turned = ReflectionOutpainter()(image.roll(72, -1), mask.roll(72, -1))  # across the seam
    torch.testing.assert_close(
        turned, ReflectionOutpainter()(image, mask).roll(72, -1), atol=1e-5, rtol=0
    )


def test_pole_rows_have_one_colour():
    image, mask = picture()
    full = ReflectionOutpainter()(image, mask)
    assert full[:, 0].std(-1).max() < 0.03
    assert full[:, -1].std(-1).max() < 0.03


def test_unknown_values_are_not_read():
    image, mask = picture()
    poisoned = torch.where(mask, image, torch.nan)
    assert torch.equal(ReflectionOutpainter()(poisoned, mask), ReflectionOutpainter()(image, mask))


def test_a_whole_panorama_stays():
    image = torch.rand(3, H, W)
    assert torch.equal(ReflectionOutpainter()(image, torch.ones(1, H, W, dtype=torch.bool)), image)


def test_raises():
    with pytest.raises(ValueError, match="nothing is known"):
        ReflectionOutpainter()(torch.zeros(3, H, W), torch.zeros(1, H, W, dtype=torch.bool))
    with pytest.raises(ValueError, match="must be positive"):
        ReflectionOutpainter(0)


def known(rows=slice(24, 44), columns=slice(50, 80)):
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, rows, columns] = True
    return mask


def test_a_constant_stays_constant():
    filled = fill_membrane(torch.full((3, H, W), 0.3), known())
    torch.testing.assert_close(filled, torch.full((3, H, W), 0.3))


def test_known_pixels_stay_and_values_obey_the_maximum_principle():
    image = torch.rand(3, H, W, generator=torch.Generator().manual_seed(0))
    mask = known()
    filled = fill_membrane(image, mask)
    assert torch.equal(filled[:, mask[0]], image[:, mask[0]])
    assert filled.min() >= image[:, mask[0]].min() - 1e-5
    assert filled.max() <= image[:, mask[0]].max() + 1e-5


def test_harmonic_between_two_circles_of_latitude():
    # u = a + b atanh(sin lat) solves the Laplace equation on the sphere between two circles.
    lat = torch.pi / 2 - torch.pi * (torch.arange(H) + 0.5) / H
    exact = torch.atanh(torch.sin(lat))[:, None].expand(1, H, W)
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, :20], mask[:, 44:] = True, True
    filled = fill_membrane(exact, mask)
    span = exact[:, 19, 0] - exact[:, 44, 0]
    assert (filled - exact)[:, 20:44].abs().max() < 0.03 * span


def test_a_cap_over_the_pole_closes_smoothly():
    ray = pg.Equirectangular(H, W).rays()
    image = ray[..., 0][None]  # falls on opposite sides of the pole: a saddle through it
    mask = torch.ones(1, H, W, dtype=torch.bool)
    mask[:, :12] = False
    filled = fill_membrane(image, mask)
    assert filled[:, 0].std() < 0.1  # one value at the pole, of all longitudes
    assert (filled - image)[:, :12].abs().max() < 0.12


def test_turning_the_picture_turns_the_fill():
    image = torch.rand(3, H, W, generator=torch.Generator().manual_seed(1))
    turned = fill_membrane(image.roll(64, -1), known().roll(64, -1))  # now across the seam
    torch.testing.assert_close(turned, fill_membrane(image, known()).roll(64, -1))


def test_nan_outside_changes_nothing():
    image, mask = torch.rand(3, H, W), known()
    poisoned = torch.where(mask, image, torch.nan)
    assert torch.equal(fill_membrane(poisoned, mask), fill_membrane(image, mask))


def test_nothing_known_raises():
    with pytest.raises(ValueError, match="nothing is known"):
        fill_membrane(torch.zeros(3, H, W), torch.zeros(1, H, W, dtype=torch.bool))
