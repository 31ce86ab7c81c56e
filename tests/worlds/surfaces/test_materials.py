import numpy as np
import pytest

from pano_worlds.indoor.fixtures import Painting
from pano_worlds.indoor.furniture import Books
from pano_worlds.surfaces.materials import (
    Fabric,
    Ground,
    Marble,
    Plain,
    Points,
    Stripes,
    Tiles,
    Wood,
)

PATTERNS = (
    Plain((0.6, 0.5, 0.4), 0.1, 0.6, 1),
    Wood((0.45, 0.29, 0.15), (0.27, 0.15, 0.07), (0.14, 1.1), 2),
    Tiles((0.55, 0.52, 0.47), (0.2, 0.2, 0.2), (0.3, 0.3), 0.006, 0.1, 0.5, (0.1, 0.1, 0.1), 3),
    Stripes((0.7, 0.7, 0.7), (0.1, 0.1, 0.1), 0.2, 0.5, False, 4),
    Fabric((0.3, 0.2, 0.1), 0.012, 5),
    Marble((0.6, 0.6, 0.6), (0.2, 0.2, 0.2), 0.5, 6),
    Ground((0.07, 0.13, 0.03), (0.16, 0.17, 0.06), 0.5, 0.05, 0.35, 7),
    Books(0.3, 0.035, 8),
    Painting(0.5, 9),
)
IDS = [type(p).__name__ for p in PATTERNS]


def points(width: float, n: int = 3000) -> Points:
    u, v = np.random.default_rng(0).uniform(-40, 40, (2, n))
    return Points(u, v, np.full(n, width), np.full(n, width))


@pytest.mark.parametrize("pattern", PATTERNS, ids=IDS)
def test_albedo_is_a_colour(pattern):
    for width in (1e-4, 0.01, 0.3, 30.0):
        albedo = pattern(points(width))
        assert albedo.shape == (3000, 3)
        assert np.isfinite(albedo).all()
        assert albedo.min() > -0.05
        assert albedo.max() < 1.05


@pytest.mark.parametrize("pattern", PATTERNS, ids=IDS)
def test_detail_fades_with_the_footprint(pattern):
    """A pixel much wider than the pattern sees one colour: nothing is left that could alias."""
    near, far = pattern(points(1e-3)).std(axis=0), pattern(points(30.0)).std(axis=0)
    assert near.max() > 0.01
    assert (far < 0.02 * near + 1e-3).all()


@pytest.mark.parametrize("pattern", PATTERNS[:7], ids=IDS[:7])
def test_the_mean_is_what_the_pattern_fades_to(pattern):
    np.testing.assert_allclose(
        pattern(points(30.0)).mean(axis=0), pattern.mean, rtol=0.3, atol=0.03
    )


@pytest.mark.parametrize("pattern", PATTERNS, ids=IDS)
def test_neighbouring_pixels_agree_when_filtered(pattern):
    """A step of a tenth of the footprint changes the colour little, at every footprint."""
    p = points(0.05)
    q = Points(p.u + 0.005, p.v, p.du, p.dv)
    change = np.abs(pattern(p) - pattern(q)).max(axis=-1)
    assert np.quantile(change, 0.98) < 0.12
