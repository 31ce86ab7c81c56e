"""Labels are voted for, never mixed."""

import math

import pytest
import torch

import pano_geometry as pg

ERP = pg.Equirectangular(32, 64)
SMALL = pg.Equirectangular(8, 16)


def labels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 40, (2, 1, 32, 64), generator=generator, dtype=torch.uint8) * 5


def test_same_camera_gives_the_same_labels() -> None:
    got, support, weight = pg.resample_labels(labels(), ERP, ERP)
    assert torch.equal(got, labels())
    assert got.dtype == torch.uint8
    assert support.min() > 0.999
    assert weight.min() > 0.999


def test_most_frequent_label_of_the_footprint_wins() -> None:
    fine = torch.full((1, 1, 32, 64), 7)
    fine[..., ::4, :] = 3  # every fourth row: a quarter of each pixel of the small map
    fine[..., :, 1::4] = 3  # and a quarter of the columns: 7 of 16
    fine[..., 16:, 2::4] = 3  # below the horizon 10 of 16
    got, support, _ = pg.resample_labels(fine, ERP, SMALL)
    assert (got[..., :4, :] == 7).all()
    assert (got[..., 4:, :] == 3).all()
    assert (support[..., :4, :] - 9 / 16).abs().max() < 0.01
    assert (support[..., 4:, :] - 10 / 16).abs().max() < 0.01


def test_winner_is_that_of_counting_taps() -> None:
    turn = pg.from_ypr(0.3, 0.2, 0.1)
    given = labels()
    got, support, _ = pg.resample_labels(given, ERP, ERP, turn, supersample=1)
    counts = torch.stack(
        [pg.resample((given == c).float(), ERP, ERP, turn) for c in given.unique()], 0
    )
    most, which = counts.max(0)
    assert torch.allclose(support, most, atol=1e-5)
    clear = counts.topk(2, 0).values.diff(dim=0)[0].abs() > 1e-4
    assert torch.equal(got[clear], given.unique()[which][clear])


def test_invalid_and_ignored_pixels_have_no_vote() -> None:
    fine = torch.full((1, 1, 32, 64), 9)
    valid = torch.zeros(1, 1, 32, 64, dtype=torch.bool)
    valid[..., ::4, ::4] = True
    fine[~valid] = 4
    fine[..., :8, :] = 255
    got, support, weight = pg.resample_labels(fine, ERP, SMALL, valid=valid)
    assert (got[..., 2:, :] == 9).all()
    assert (support[..., 2:, :] - 1).abs().max() < 1e-5
    assert (weight[..., 3:, :] - 1 / 16).abs().max() < 0.01
    assert (got[..., :1, :] == 255).all()
    assert (weight[..., :1, :] == 0).all()


def test_outside_the_source_is_ignored() -> None:
    view = pg.Perspective.from_fov(16, 16, math.radians(90))
    got, _, weight = pg.resample_labels(torch.ones(1, 1, 16, 16).int(), view, ERP, supersample=1)
    seen = pg.coverage(view, ERP)
    assert torch.equal(got == 1, seen)
    assert torch.equal(got == 255, ~seen)
    assert torch.equal(weight > 0.999, seen)


def test_bool_masks_and_arrays() -> None:
    np = pytest.importorskip("numpy")
    mask = labels()[0, 0].numpy() > 100
    got, support, weight = pg.resample_labels(mask, ERP, ERP, ignore=2)
    assert np.array_equal(got, mask)
    assert support.shape == weight.shape == (32, 64)


def test_floating_labels_are_refused() -> None:
    with pytest.raises(TypeError, match="integers"):
        pg.resample_labels(torch.rand(1, 1, 32, 64), ERP, ERP)


def test_mask_is_false_where_nothing_is_seen() -> None:
    view = pg.Perspective.from_fov(16, 16, math.radians(90))
    mask = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    got, _, _ = pg.resample_labels(mask, view, ERP, supersample=1)
    assert torch.equal(got, pg.coverage(view, ERP))


def test_nothing_to_vote_for() -> None:
    got, support, weight = pg.resample_labels(torch.full((1, 1, 32, 64), 255), ERP, SMALL)
    assert (got == 255).all()
    assert support.max() == weight.max() == 0


def test_arrays_of_sixteen_bits_with_a_mask() -> None:
    np = pytest.importorskip("numpy")
    given = labels()[0, 0].numpy().astype(np.uint16) * 300
    valid = np.ones((32, 64), bool)
    valid[:16] = False
    got, _, weight = pg.resample_labels(given, ERP, ERP, valid=valid, ignore=65535)
    assert got.dtype == np.uint16
    assert np.array_equal(got[16:], given[16:])
    assert (got[:16] == 65535).all()
    assert (weight[:16] == 0).all()
    with pytest.raises(pg.ShapeError, match="valid"):
        pg.resample_labels(given, ERP, ERP, valid=valid[None])


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8])
def test_ignore_must_fit_the_labels(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match="ignore"):
        pg.resample_labels(torch.zeros(1, 1, 32, 64, dtype=dtype), ERP, ERP, ignore=256)
