"""Several rotations for each image of a batch."""

import math

import pytest
import torch

import pano_geometry as pg

VIEW = pg.Perspective.from_fov(12, 14, math.radians(100))


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("sets", [1, 3])
def test_k_rotations_for_each_image(images: int, sets: int) -> None:
    erp = torch.rand(images, 2, 16, 32, generator=torch.Generator().manual_seed(0))
    turns = pg.random_rotation(sets * 4, torch.Generator().manual_seed(2)).unflatten(0, (sets, 4))
    calls = {
        "view": lambda e, r: pg.erp_to_perspective(e, VIEW, r),
        "rotate": pg.rotate,
        "cube": lambda e, r: pg.erp_to_cube(e, 6, r),
    }
    for call in calls.values():
        got = call(erp, turns)
        assert got.shape[:2] == (max(images, sets), 4)
        for i in range(max(images, sets)):
            one = erp[min(i, images - 1)][None]
            assert torch.equal(got[i], call(one, turns[min(i, sets - 1)]))
    mapped = torch.vmap(lambda r: pg.rotate(erp, r))(turns[None])[0]
    assert (mapped - pg.rotate(erp, turns)).abs().max() < 1e-5


def test_k_rotations_refuse_another_batch() -> None:
    with pytest.raises(pg.ShapeError, match="k, 3, 3"):
        pg.rotate(torch.rand(2, 1, 4, 8), pg.random_rotation(6).unflatten(0, (3, 2)))


def test_no_rotation_at_all_is_refused() -> None:
    with pytest.raises(pg.ShapeError, match="at least one"):
        pg.rotate(torch.rand(1, 1, 4, 8), torch.zeros(1, 0, 3, 3))
