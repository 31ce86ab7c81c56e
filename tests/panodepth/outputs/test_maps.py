import tracemalloc
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from PIL import Image

from panodepth.outputs.maps import (
    choose_png_scale,
    encode_values,
    estimate_normals,
    read_png16,
    write_exr,
    write_normals,
    write_npy,
    write_png16,
    write_sixdof,
    write_sky,
)
from panodepth.prediction import MapKind, PredictedMap
from tests.panodepth.conftest import box_distance

HEIGHT, WIDTH = 64, 128
RGB = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def _prediction(kind: MapKind = "distance_metric", largest: float = 20.0) -> PredictedMap:
    values = np.random.default_rng(0).uniform(0.3, largest, (32, 64)).astype(np.float32)
    values[5, 5] = largest
    valid, far = np.ones((32, 64), bool), np.zeros((32, 64), bool)
    valid[-3:], far[:4] = False, True
    return PredictedMap(kind, values, valid, far)


def test_npy_is_float32_with_zero_for_masked_and_infinity_for_far(tmp_path: Path) -> None:
    prediction = _prediction()
    write_npy(tmp_path / "a.npy", prediction)
    read = np.load(tmp_path / "a.npy")
    assert read.dtype == np.float32
    assert (read[-3:] == 0).all()
    assert np.isinf(read[:4]).all()
    np.testing.assert_array_equal(read[4:-3], prediction.values[4:-3])


def test_encoding_holds_a_map_once_more_and_leaves_the_prediction() -> None:
    values = np.full((512, 1024), 2, np.float32)
    nothing = np.zeros(values.shape, bool)
    prediction = PredictedMap("distance_metric", values, ~nothing, ~nothing, 64)
    tracemalloc.start()
    encoded = encode_values(prediction)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isinf(encoded).all()
    assert (prediction.values == 2).all()
    assert peak < 1.4 * values.nbytes  # the map, and a mask of a byte a pixel


def test_far_has_no_disparity() -> None:
    assert (encode_values(_prediction("disparity_affine"))[:4] == 0).all()


@pytest.mark.parametrize("largest", [1.0, 20.0, 65.0, 70.0, 3000.0])
def test_png_read_back_is_within_half_a_step(tmp_path: Path, largest: float) -> None:
    prediction = _prediction(largest=largest)
    write_png16(tmp_path / "a.png", prediction)
    read, text = read_png16(tmp_path / "a.png")
    step = float(text["scale"])
    error = np.abs(read - prediction.values)[4:-3]
    assert error.max() <= step * 0.5001 + 1e-6 * largest
    assert (read[-3:] == 0).all()
    assert np.isinf(read[:4]).all()
    assert text["unit"] == "m"
    assert text["kind"] == "distance_metric"


def test_rooms_are_stored_in_millimetres(tmp_path: Path) -> None:
    write_png16(tmp_path / "a.png", _prediction())
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode.startswith("I;16")
        assert image.info["scale"] == "0.001"
        assert abs(np.asarray(image)[5, 5] - 20_000) <= 1


@pytest.mark.parametrize(
    ("largest", "metric", "expected"),
    [
        (9.0, True, 0.001),
        (65.534, True, 0.001),
        (65.6, True, 0.002),
        (200.0, True, 0.005),
        (1.0, False, 2e-5),
    ],
)
def test_the_scale_is_the_smallest_round_step(
    largest: float, metric: bool, expected: float
) -> None:
    assert choose_png_scale(largest, metric) == expected


def test_a_png_without_scale_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 8), np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="no 'scale' text"):
        read_png16(tmp_path / "a.png")


def test_a_map_without_anything_near_is_written(tmp_path: Path) -> None:
    nothing = PredictedMap(
        "distance_metric",
        np.ones((4, 8), np.float32),
        np.zeros((4, 8), bool),
        np.zeros((4, 8), bool),
    )
    write_png16(tmp_path / "a.png", nothing)
    assert (read_png16(tmp_path / "a.png")[0] == 0).all()


def test_exr_is_lossless_and_says_its_unit(tmp_path: Path) -> None:
    prediction = _prediction()
    write_exr(tmp_path / "a.exr", prediction)
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        np.testing.assert_array_equal(file.channels()["Y"].pixels, encode_values(prediction))
        assert file.header()["unit"] == "m"
        assert file.header()["kind"] == "distance_metric"


def test_exr_without_permission_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot write a\.exr"):
        write_exr(tmp_path / "missing" / "a.exr", _prediction())


def test_a_sixdof_texture_gives_the_distances_back_by_the_rule_in_its_text(tmp_path: Path) -> None:
    prediction = _prediction(largest=8.0)
    rgb = np.random.default_rng(1).integers(0, 256, (32, 64, 3), np.uint8)
    write_sixdof(tmp_path / "a.png", rgb, prediction)
    with Image.open(tmp_path / "a.png") as image:
        texture, text = np.asarray(image), dict(image.info)
    assert texture.shape == (64, 64, 3)
    np.testing.assert_array_equal(texture[:32], rgb)
    grey = texture[32:, :, 0]
    np.testing.assert_array_equal(texture[32:], np.repeat(grey[..., None], 3, -1))
    radius, displacement = float(text["radius"]), float(text["displacement"])
    distance = radius - displacement * grey / 255.0
    near = prediction.values[4:-3]
    inside = (near > radius - displacement) & (near < radius)
    assert inside.mean() > 0.98
    error = np.abs(distance[4:-3] - near)[inside]
    assert error.max() <= displacement / 255 * 0.5001
    assert (grey[:4] == 0).all()  # the sky is the farthest
    # A masked row takes the distance of the nearest row that is not.
    np.testing.assert_array_equal(grey[-1], grey[-4])


@pytest.mark.parametrize("far", [True, False])
def test_a_sixdof_texture_without_anything_near_is_black(tmp_path: Path, far: bool) -> None:
    everywhere = np.ones((16, 32), bool)
    nothing = PredictedMap(
        "distance_metric", np.ones((16, 32), np.float32), everywhere & far, everywhere & far
    )
    write_sixdof(tmp_path / "a.png", np.zeros((16, 32, 3), np.uint8), nothing)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[16:].max() in (0, 255)
        assert float(image.info["displacement"]) > 0


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
