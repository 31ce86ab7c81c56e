import numpy as np
import pytest

from pano_worlds import make_world
from pano_worlds.indoor.floor_plan import make_plan
from pano_worlds.indoor.walls import THICK, THIN, end_overlaps, thickness


@pytest.mark.parametrize("seed", range(6))
def test_walls_meet_without_overlapping_in_one_plane(seed):
    """Walls in one line end where the wall across begins to hide them."""
    plan = make_plan(np.random.default_rng(seed))
    for run in plan.runs:
        for point, reach in zip((run.start, run.end), end_overlaps(run, plan.runs), strict=True):
            across = [r for r in plan.runs if r.yaw != run.yaw and point in (r.start, r.end)]
            assert across
            assert reach == max(thickness(r) for r in across) / 2
            assert reach in (THICK / 2, THIN / 2)


def materials_at(surfaces, point) -> set[int]:
    """Materials of all triangles that hold a point."""
    a, b, c = (surfaces.triangles[:, k] - point for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=-1)
    keep = (length > 1e-12) & (np.abs(np.sum(a * normal, axis=-1)) < 1e-6 * length)
    a, b, c, normal = a[keep], b[keep], c[keep], normal[keep]
    inside = np.ones(len(a), dtype=bool)
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= np.sum(np.cross(p, q) * normal, axis=-1) > 1e-9
    return set(surfaces.material[keep][inside].tolist())


@pytest.mark.parametrize("seed", [0, 45])
def test_no_two_materials_fight_for_one_plane(seed):
    world = make_world("indoor", seed)
    rays = np.random.default_rng(0).standard_normal((60 * len(world.viewpoints), 3))
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    origins = np.repeat([v.position for v in world.viewpoints], 60, axis=0)
    hits = world.tracer.first_hits(origins, rays)
    label = np.array(world.surfaces.labels)[world.surfaces.instance[hits.triangle] - 1]
    points = (origins + rays * hits.distance[:, None])[(hits.triangle >= 0) & (label == "wall")]
    shared = [p for p in points if len(materials_at(world.surfaces, p)) > 1]
    assert len(points) > 120
    assert len(shared) == 0
