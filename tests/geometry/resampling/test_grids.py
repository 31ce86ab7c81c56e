import pytest
import torch

import pano_geometry as pg
from pano_geometry.resampling import grids
from pano_geometry.resampling.back_ends import source_pixels

SOURCES = [pg.Equirectangular(20, 40), pg.Cassini(40, 20), pg.Cylindrical(20, 40)]


@pytest.mark.parametrize("block", [64, 1 << 15])
@pytest.mark.parametrize(
    "target", [pg.Equirectangular(18, 36), pg.Equirectangular(9, 15), pg.Cubemap(7)]
)
def test_blocks_and_opposite_halves_give_the_plain_coordinates(
    block, target, generator, monkeypatch
) -> None:
    monkeypatch.setattr(grids, "BLOCK", block)
    source = pg.Equirectangular(20, 40)
    rotation = pg.random_rotation(2, generator, dtype=torch.float64)
    grid = grids.build_grid(source, target, rotation, torch.float64)
    assert isinstance(grid, grids.DenseGrid)
    u, v = source_pixels(source, target, rotation, torch.float64, torch.device("cpu"))
    got = (grid.grid + 1) / 2 * torch.tensor([40.0, 20.0], dtype=torch.float64)
    wrapped = (got[..., 0] - u + 20).remainder(40) - 20
    assert wrapped.abs().max() < 1e-9
    assert (got[..., 1] - v).abs().max() < 1e-9


def test_edges_are_exactly_the_pixels_beyond_the_outer_centres(generator) -> None:
    source = pg.Equirectangular(20, 40)
    rotation = pg.random_rotation(1, generator, dtype=torch.float64)
    grid = grids.build_grid(source, source, rotation, torch.float64)
    u, v = source_pixels(source, source, rotation, torch.float64, torch.device("cpu"))
    expected = grids.beyond_centres(u, v, 20, 40)
    noted = torch.zeros_like(expected)
    noted[grid.edge] = True
    assert torch.equal(noted, expected)
    assert 0 < expected.float().mean() < 0.2


def test_sparse_grid_holds_what_is_seen(generator) -> None:
    camera, erp = pg.Perspective.from_fov(16, 16, 1.0), pg.Equirectangular(20, 40)
    rotation = pg.random_rotation(3, generator)
    grid = grids.build_grid(camera, erp, rotation, torch.float32)
    assert isinstance(grid, grids.SparseGrid)
    seen = pg.coverage(camera, erp, rotation).flatten(1)
    for position, mask in zip(grid.positions, seen, strict=True):
        assert torch.equal(position, mask.nonzero()[:, 0])
    assert grid.nbytes() < 16 * seen.sum() + 1
