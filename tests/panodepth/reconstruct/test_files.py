from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from panodepth.reconstruct.files import texture_surface
from panodepth.reconstruct.fusion import extract_seen_surface, mesh_free_space
from panodepth.reconstruct.posed_panorama import PosedPanorama

HALF = np.array([3.0, 1.4, 2.5])
VOXEL = 0.1


@pytest.fixture
def panoramas(box_from: Callable[..., PosedPanorama]) -> list[PosedPanorama]:
    rooms = [box_from((-1.5, 0.1, 0.3)), box_from((1.4, 0.0, -0.6), yaw=2.0)]
    return [replace(room, name=name) for name, room in zip("ab", rooms, strict=True)]


@pytest.fixture
def surface(panoramas: list[PosedPanorama]) -> trimesh.Trimesh:
    return extract_seen_surface(mesh_free_space(panoramas, VOXEL, 10.0), panoramas, 1.5 * VOXEL)


def _shown(mesh: trimesh.Trimesh) -> np.ndarray:
    """The colour of the texture at the centre of each triangle, read as a viewer does."""
    picture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    u, v = mesh.visual.uv[mesh.faces].mean(1).T
    height, width = picture.shape[:2]
    rows = np.clip(((1 - v) * height).astype(int), 0, height - 1)
    return picture[rows, (u * width).astype(int) % width]


def test_every_triangle_shows_the_wall_it_lies_on(
    panoramas: list[PosedPanorama], surface: trimesh.Trimesh
) -> None:
    scene = texture_surface(surface, panoramas, 1.5 * VOXEL)
    assert sum(len(m.faces) for m in scene.geometry.values()) == len(surface.faces)
    for mesh in scene.geometry.values():
        off = HALF - np.abs(mesh.triangles_center)
        clear = np.sort(off, 1)[:, 1] > 0.3  # the wall is unmistakable
        assert clear.sum() > 500
        assert (_shown(mesh).argmax(1) == off.argmin(1))[clear].mean() > 0.995


def test_the_surface_stays_where_it_is_and_keeps_its_sides(
    panoramas: list[PosedPanorama], surface: trimesh.Trimesh
) -> None:
    scene = texture_surface(surface, panoramas, 1.5 * VOXEL)
    whole = trimesh.util.concatenate(
        [trimesh.Trimesh(m.vertices, m.faces, process=False) for m in scene.geometry.values()]
    )
    assert whole.area == pytest.approx(surface.area, rel=1e-9)
    assert whole.volume == pytest.approx(surface.volume, rel=1e-9)


def test_the_nearer_panorama_gives_the_picture(
    panoramas: list[PosedPanorama], surface: trimesh.Trimesh
) -> None:
    scene = texture_surface(surface, panoramas, 1.5 * VOXEL)
    at = {name: mesh.triangles_center[:, 0] for name, mesh in scene.geometry.items()}
    for near, far, end in (("a", "b", -3.0), ("b", "a", 3.0)):
        own, other = (int((np.abs(at[name] - end) < 0.1).sum()) for name in (near, far))
        assert own > 1000
        assert (
            other < 0.02 * own
        )  # in corners, off the nearer one's surface by the voxel's rounding


def test_what_one_panorama_does_not_see_is_in_the_picture_of_the_other(
    panoramas: list[PosedPanorama],
) -> None:
    blind = replace(panoramas[0], distance=np.zeros_like(panoramas[0].distance))
    both = [blind, panoramas[1]]
    surface = extract_seen_surface(mesh_free_space(both, VOXEL, 10.0), both, 1.5 * VOXEL)
    assert set(texture_surface(surface, both, 1.5 * VOXEL).geometry) == {"b"}


def test_no_triangle_runs_across_the_whole_picture(
    panoramas: list[PosedPanorama], surface: trimesh.Trimesh
) -> None:
    for mesh in texture_surface(surface, panoramas, 1.5 * VOXEL).geometry.values():
        u = mesh.visual.uv[mesh.faces][..., 0]
        assert np.ptp(u, axis=1).max() <= 0.25
        assert (u > 1).any()  # the seam lies inside of a triangle
        assert len(mesh.vertices) < 0.7 * len(mesh.faces)  # shared, as in the surface
