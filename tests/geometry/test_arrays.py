"""Arrays in, arrays out: the values are those of the same call with tensors."""

import pytest
import torch

import pano_geometry as pg

np = pytest.importorskip("numpy")

R = pg.from_ypr(0.7, 0.4, -0.2)
CAMERA = pg.Perspective.from_fov(10, 14, 1.4)
CALLS = {
    "erp_to_cube": lambda x, r: pg.erp_to_cube(x, 8, r),
    "erp_to_perspective": lambda x, r: pg.erp_to_perspective(x, CAMERA, r),
    "rotate": lambda x, r: pg.rotate(x, r),
    "resample": lambda x, r: pg.resample(
        x, pg.Equirectangular(16, 32), pg.Fisheye.from_fov(9, 9, 3.0), r
    ),
}
TYPES = ("uint8", "float16", "float32", "float64")


def erp(dtype: str) -> "np.ndarray":
    values = np.random.default_rng(5).random((2, 3, 16, 32)) * 255
    return values.astype(dtype)


def assert_same(array, tensor) -> None:
    """Require the same type and layout, and values up to the order in which sums were taken."""
    assert isinstance(array, np.ndarray)
    assert array.flags.c_contiguous
    torch.testing.assert_close(torch.from_numpy(array), tensor, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", CALLS)
def test_batches_in_both_layouts(name, dtype) -> None:
    call, images = CALLS[name], erp(dtype)
    expected = call(torch.from_numpy(images), R)
    assert_same(call(images, R), expected)
    last = call(np.ascontiguousarray(images.transpose(0, 2, 3, 1)), R.numpy())
    assert_same(last, expected.movedim(-3, -1))


@pytest.mark.parametrize("name", CALLS)
def test_single_pictures_have_no_batch(name) -> None:
    call, image = CALLS[name], erp("uint8")[0]
    expected = call(torch.from_numpy(image)[None], R)[0]
    assert_same(call(image, R), expected)
    assert_same(call(image.transpose(1, 2, 0), R), expected.movedim(-3, -1))
    assert_same(call(image[0], R), expected.select(-3, 0))
    many = call(image, torch.stack([R, R.mT]).numpy())
    assert many.shape[0] == 2
    assert_same(many[0], expected)
    assert_same(call(image.transpose(1, 2, 0), R[None]), expected.movedim(-3, -1)[None])


def test_faces_in_every_layout() -> None:
    faces = pg.erp_to_cube(torch.from_numpy(erp("float32")), 8)
    expected = pg.cube_to_erp(faces, 16, 32, R)
    assert_same(pg.cube_to_erp(faces.numpy(), 16, 32, R), expected)
    last = faces.movedim(2, -1).contiguous().numpy()
    assert_same(pg.cube_to_erp(last, 16, 32, R), expected.movedim(1, -1))
    assert_same(pg.cube_to_erp(last[0], 16, 32, R), expected[0].movedim(0, -1))
    assert_same(
        pg.cube_to_erp(faces=faces[0].numpy(), height=16, width=32, rotation=R), expected[0]
    )
    assert_same(pg.cube_to_erp(last[0, ..., 1], 16, 32, R.numpy()), expected[0, 1])


def test_coverage_is_a_map_without_channels() -> None:
    view = pg.erp_to_perspective(erp("uint8")[0].transpose(1, 2, 0), CAMERA, R)
    values, seen = pg.perspective_to_erp(view, CAMERA, R, 16, 32)
    tensor = torch.from_numpy(view).permute(2, 0, 1)[None]
    expected, covered = pg.perspective_to_erp(tensor, CAMERA, R, 16, 32)
    assert_same(values, expected[0].permute(1, 2, 0))
    assert seen.shape == (16, 32)
    assert seen.dtype == bool
    assert torch.equal(torch.from_numpy(seen), covered[0, 0])


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint16", "uint32", "uint64"])
def test_labels_keep_their_bits(dtype) -> None:
    labels = np.arange(16 * 32).reshape(16, 32)
    labels = (labels % 2 if dtype == "bool" else labels * 127).astype(dtype)
    if np.dtype(dtype).itemsize > 1:
        labels[3, 4] = np.iinfo(dtype).max
    turned = pg.rotate(labels, pg.from_ypr(2 * torch.pi * 5 / 32), mode="nearest")
    assert turned.dtype == labels.dtype
    assert (turned == np.roll(labels, -5, 1)).all()
    faces = pg.erp_to_cube(labels[..., None], 8, mode="nearest")
    assert faces.shape == (6, 8, 8, 1)
    assert set(faces.ravel().tolist()) <= set(labels.ravel().tolist())


def test_memory_that_torch_cannot_share() -> None:
    image = erp("float32")[0]
    image.setflags(write=False)
    expected = pg.rotate(torch.from_numpy(image.copy())[None], R)[0]
    assert_same(pg.rotate(image, R), expected)
    mirrored = pg.rotate(image[..., ::-1], R)
    assert_same(mirrored, pg.rotate(torch.from_numpy(image[..., ::-1].copy())[None], R)[0])


def test_resize_of_channels_first() -> None:
    image = erp("uint8")[0]
    expected = pg.resize(torch.from_numpy(image), (7, 15))
    assert_same(pg.resize(image, (7, 15)), expected)
    assert_same(pg.resize(image.transpose(1, 2, 0), (7, 15)), expected.permute(1, 2, 0))
    assert pg.resize(image, (16, 32)) is image


@pytest.mark.parametrize(
    ("shape", "word"),
    [((16,), "array of shape"), ((9, 16, 32), "from_numpy"), ((1, 2, 3, 16, 32), "array of shape")],
)
def test_unclear_shapes_are_refused(shape, word) -> None:
    with pytest.raises(pg.ShapeError, match=word):
        pg.rotate(np.zeros(shape, "float32"), R)


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match="nearest"):
        pg.rotate(np.zeros((16, 32), "uint16"), R)
    with pytest.raises(TypeError, match="list"):
        pg.rotate([[0.0]], R)
    with pytest.raises(pg.ShapeError, match="square faces"):
        pg.cube_to_erp(np.zeros((6, 4, 8, 3)), 16, 32)
