"""Normals and sky, read back by the libraries of their formats."""

import numpy as np
import OpenEXR
import torch
from PIL import Image

from panodepth.outputs.normals import estimate_normals, write_normals, write_sky
from panodepth.prediction import PredictedMap
from tests.panodepth.conftest import box_distance

HEIGHT, WIDTH = 64, 128
RGB = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def room() -> PredictedMap:
    values = box_distance(HEIGHT, WIDTH).to(torch.float32).numpy()
    valid, far = np.ones((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    valid[-4:], far[:3, :10] = False, True
    return PredictedMap("distance_metric", values, valid, far)


def test_walls_of_a_box_face_the_camera():
    normals = estimate_normals(room())
    middle = HEIGHT // 2
    for column, expected in {
        WIDTH // 2: (0, 0, -1),  # ahead is +z: its wall looks back
        0: (0, 0, 1),
        3 * WIDTH // 4: (-1, 0, 0),  # right
        WIDTH // 4: (1, 0, 0),
    }.items():
        np.testing.assert_allclose(normals[middle, column], expected, atol=1e-4)
    np.testing.assert_allclose(normals[-8, 40], (0, -1, 0), atol=1e-4)  # y is down: the floor
    np.testing.assert_allclose(normals[6, 40], (0, 1, 0), atol=1e-4)


def test_exr_holds_the_same_normals_and_names_its_axes(tmp_path):
    write_normals(tmp_path / "a.exr", RGB, room())
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        read = np.stack([file.channels()[c].pixels for c in "XYZ"], -1)
        assert "y down" in file.header()["axes"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, estimate_normals(room()))
    assert (read[-4:] == 0).all()
    lengths = np.linalg.norm(read, axis=-1)
    known = lengths > 0
    np.testing.assert_allclose(lengths[known], 1, atol=1e-5)
    assert known.mean() > 0.85


def test_sky_is_what_is_far_and_not_masked(tmp_path):
    prediction = room()
    prediction.far[-2:] = True  # under the mask: nothing is said of it
    write_sky(tmp_path / "a.png", RGB, prediction)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L"
        read = np.asarray(image)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[:3, :10] = 255
    np.testing.assert_array_equal(read, expected)
