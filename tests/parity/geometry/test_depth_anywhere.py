"""Against numbers computed with the releases of Depth Anywhere and UniFuse."""

from pathlib import Path

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_geometry.compat import depth_anywhere, unifuse
from tests.parity.geometry.reference_image import reference_image

REFERENCE = np.load(Path(__file__).with_name("depth_anywhere.npz"))


def reference(name: str) -> torch.Tensor:
    return torch.from_numpy(REFERENCE[name])


@pytest.fixture(scope="module")
def image():
    return reference_image(256, 512)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_cube_faces(image, mode) -> None:
    faces = depth_anywhere.erp_to_cube(image, 128, mode)
    expected = reference(f"e2c_{mode}_256to128_s8")
    assert (faces[0, :, :, ::8, ::8] - expected).abs().max() < 1e-5
    erp = depth_anywhere.cube_to_erp(faces, 256, 512, mode)
    assert (erp[0, :, ::8, ::8] - reference(f"c2e_{mode}_s8")).abs().max() < 1e-5


def test_cube_faces_of_a_batch() -> None:
    faces = depth_anywhere.erp_to_cube(reference_image(64, 128, 2), 32).flatten(0, 1)
    assert (faces[:, :, ::4, ::4] - reference("e2c_b2_64to32_s4")).abs().max() < 1e-5


def test_face_table() -> None:
    face, pixel = depth_anywhere.cube_pixels(32, 64, 16)
    assert torch.equal(face.to(torch.int8), reference("c2e_face_h32"))
    assert (pixel - reference("c2e_XY_h32")).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["id", "mix"])
def test_rotation(image, name) -> None:
    rotation = reference(f"rot_{name}_R").mT
    turned = depth_anywhere.rotate(image, rotation)
    assert (turned[0, :, ::8, ::8] - reference(f"rot_{name}_bilinear_s8")).abs().max() < 3e-5


def test_rotation_nearest_and_batch(image) -> None:
    rotation = reference("rot_mix_R").mT
    nearest = depth_anywhere.rotate(image, rotation, "nearest")
    assert torch.equal(nearest[0, :, ::8, ::8], reference("rot_mix_nearest_s8"))
    pair = depth_anywhere.rotate(reference_image(64, 128, 2), rotation.expand(2, 3, 3))
    assert (pair[..., ::4, ::4] - reference("rot_mix_b2_h64_s4")).abs().max() < 3e-5


def test_euler_matrix() -> None:
    angles = torch.deg2rad(torch.tensor([-20.0, 35.0, 12.5]))
    assert (depth_anywhere.euler_xyz(angles) - reference("rot_mix_R")).abs().max() < 1e-6


def test_points_are_the_plain_ones() -> None:
    points = pg.distance_to_points(torch.ones(1, 1, 16, 32))[0].permute(2, 0, 1)
    assert (points - reference("grid_xyz_16x32")).abs().max() < 1e-6


def strip(faces: torch.Tensor) -> torch.Tensor:
    """(1, 6, c, f, f) -> (f, 6 f, c)."""
    f = faces.shape[-1]
    return faces[0].permute(2, 0, 3, 1).reshape(f, 6 * f, -1)


def test_unifuse_cube_of_uint8() -> None:
    picture = (reference_image(64, 128) * 255).round().to(torch.uint8)
    got = strip(unifuse.erp_to_cube(picture, 32))
    assert torch.equal(got, reference("py360_img_u8_64to32"))


def test_unifuse_cube_of_floats_and_depth() -> None:
    got = strip(unifuse.erp_to_cube(reference_image(64, 128), 32))[::2, ::2]
    assert (got - reference("py360_imgfloat_64to32_s2")).abs().max() < 1e-6
    distance = 0.5 + 9 * reference_image(64, 128, name="depth")[:, :1]
    depth = strip(unifuse.erp_depth_to_cube(distance, 32))
    assert (depth - reference("py360_depth_64to32")).abs().max() < 1e-5
