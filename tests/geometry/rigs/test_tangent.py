import math

import pytest
import torch

import pano_geometry as pg
from pano_geometry.rigs.tangent import COVERING_FOV
from tests.geometry.fields import erp_rays, pixel_error


@pytest.mark.parametrize("count", [12, 20])
def test_patch_centres_are_regular(count) -> None:
    axes = pg.tangent_rotations(count, dtype=torch.float64)[..., 2]
    assert torch.allclose(axes.mean(0), torch.zeros(3).double(), atol=1e-9)
    cosines = (axes @ axes.T).fill_diagonal_(-1).amax(1)
    neighbour = 1 / math.sqrt(5) if count == 12 else math.sqrt(5) / 3
    assert torch.allclose(cosines, torch.full_like(cosines, neighbour), atol=1e-9)


def test_patch_centre_rays_and_upright() -> None:
    erp = erp_rays(128, 256)
    patches, camera, rotations = pg.erp_to_tangents(erp, 33, 20)
    assert patches.shape == (1, 20, 3, 33, 33)
    assert camera.size == (33, 33)
    centre = torch.nn.functional.normalize(patches[0, :, :, 16, 16], dim=-1)
    assert (centre - rotations[..., 2]).abs().max() < 1e-4
    assert rotations[:, 1, 0].abs().max() < 1e-6  # the right axis is level: no roll


@pytest.mark.parametrize("count", [12, 20])
def test_golden_18_union_covers_the_sphere(count) -> None:
    rotations = pg.tangent_rotations(count)
    target = pg.Equirectangular(64, 128)
    for fov, complete in ((COVERING_FOV + 0.02, True), (COVERING_FOV - 0.35, False)):
        camera = pg.Perspective.from_fov(32, 32, fov)
        seen = pg.coverage(camera, target, rotations.mT)
        assert bool(seen.any(0).all()) == complete


def test_golden_18_merged_directions() -> None:
    erp = erp_rays(128, 256)
    patches, camera, rotations = pg.erp_to_tangents(erp, 160, 20)
    merged = torch.cat(
        [
            pg.blend_views(patches[:, :, k : k + 1], camera, rotations, 128, 256)[0]
            for k in range(3)
        ],
        1,
    )
    assert pixel_error(merged, erp, 256).max() < 0.01


def test_tangents_refuse() -> None:
    with pytest.raises(ValueError, match="count"):
        pg.tangent_rotations(8)
