"""Which test is which of the 38 golden cases, and the cases against other libraries (37, 38)."""

import ast
import re
from pathlib import Path

import pytest
import torch

import pano_geometry as pg
from pano_geometry.compat import da2
from tests.geometry.fields import erp_rays, pixel_error

HERE = Path(__file__).parent
CASES = range(1, 39)
NAMED_OTHERWISE = {
    23: ("test_distance.py::test_box_has_constant_depth_in_every_face",
         "test_distance.py::test_depth_round_trip_and_definition"),
    24: ("test_distance.py::test_sphere_has_normals_towards_the_camera",),
    25: ("test_distance.py::test_floor_has_upward_normals_seam_and_pole_included",
         "test_distance.py::test_points_of_a_floor_reproject_to_their_pixels"),
    26: ("test_pixels.py::test_whole_map_sums_to_four_pi",
         "test_pixels.py::test_row_is_the_area_of_its_band",
         "test_pixels.py::test_cosine_weights_overshoot_as_known",
         "test_pixels.py::test_cube_faces_sum_to_four_pi_and_corners_shrink"),
    30: ("resampling/test_resample.py::test_gradcheck_image_and_rotation",),
    32: ("resampling/native/test_kernel.py", "resampling/gpu/test_resample.py"),
}  # fmt: skip
"""Tests of cases whose names do not begin with `test_golden_<numbers>_`."""
PEERS = torch.load(HERE / "peers" / "cube_faces.pt", weights_only=True)
"""Faces of 16 pixels of a 64x128 panorama of directions by py360convert 1.0.4 and equilib 0.6.0."""


def functions_of(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def cases_by_name() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in sorted(HERE.rglob("test_*.py")):
        for name in functions_of(path):
            numbers = re.match(r"test_golden_((?:\d+_)+)", name)
            for number in numbers[1].strip("_").split("_") if numbers else []:
                found.setdefault(int(number), []).append(f"{path.name}::{name}")
    return found


def test_every_golden_case_has_a_test() -> None:
    named = set(cases_by_name())
    assert named | set(NAMED_OTHERWISE) == set(CASES)


@pytest.mark.parametrize("number", NAMED_OTHERWISE)
def test_tests_of_other_names_exist(number) -> None:
    for place in NAMED_OTHERWISE[number]:
        path, _, name = place.partition("::")
        found = functions_of(HERE / path)
        assert found
        assert not name or name in found


def test_golden_37_py360convert_puts_the_outermost_samples_on_the_edges() -> None:
    size = 16
    edges = pg.Perspective(size, size, *(2 * (0.5 * (size - 1),)), *(2 * (0.5 * size,)))
    erp = erp_rays(64, 128)
    ours = torch.cat([pg.erp_to_perspective(erp, edges, turn) for turn in pg.face_rotations()])
    error = pixel_error(PEERS["py360convert"], ours, 128)
    assert error.max() < 0.03  # it quantises coordinates to 1/32 pixel
    assert float(error.mean()) == pytest.approx(0.011, abs=0.003)
    plain = pixel_error(PEERS["py360convert"], pg.erp_to_cube(erp, size)[0], 128)
    assert plain.max() > 0.5


def test_golden_37_equilib_has_our_faces() -> None:
    ours = pg.erp_to_cube(erp_rays(64, 128), 16)[0]
    error = pixel_error(PEERS["equilib"], ours, 128)
    assert error[:, 1:-1, 1:-1].max() < 1e-3


def test_golden_38_rays_of_da2() -> None:
    # Equal up to the release's rounding of 2 pi to 6.2832; its own numbers are in tests/parity.
    rays = pg.Equirectangular(32, 64).rays()
    assert (da2.rays(32, 64) - rays).abs().max() < 8e-6
    angle = 2 * torch.pi / 6.2832
    lon, lat = pg.rays_to_lonlat(da2.rays(32, 64).double())
    exact = pg.lonlat_to_rays(lon * angle, lat * angle)
    assert (exact - rays).abs().max() < 1e-6


def test_golden_38_exports_are_ours_in_another_frame() -> None:
    distance = torch.rand(1, 1, 16, 32, generator=torch.Generator().manual_seed(0)) + 1
    x, y, z = pg.distance_to_points(distance).unbind(-1)
    expected = torch.stack([-z, x, -y], -1)
    assert (da2.export_points(distance) - expected).abs().max() < 4e-5
