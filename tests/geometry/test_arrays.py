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


def test_several_rotations_of_each_picture() -> None:
    images, turns = erp("float32"), pg.random_rotation(6).unflatten(0, (2, 3))
    tensors = torch.from_numpy(images)
    last = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    assert_same(pg.rotate(last, turns.numpy()), pg.rotate(tensors, turns).movedim(-3, -1))
    assert_same(pg.erp_to_cube(images, 8, turns.numpy()), pg.erp_to_cube(tensors, 8, turns))
    many = pg.rotate(last[0], turns[:1].numpy())
    assert_same(many, pg.rotate(tensors[:1], turns[:1]).movedim(-3, -1))


def test_maps_are_height_by_width() -> None:
    distance = np.random.default_rng(2).random((16, 32)).astype("float32") + 1
    valid = np.random.default_rng(3).random((16, 32)) > 0.2
    tensor, mask = torch.from_numpy(distance)[None, None], torch.from_numpy(valid)[None, None]
    assert_same(pg.distance_to_points(distance), pg.distance_to_points(tensor)[0])
    normals = pg.distance_to_normals(tensor, mask)
    assert_same(pg.distance_to_normals(distance, valid), normals[0].permute(1, 2, 0))
    both = np.stack([distance, distance + 1])
    assert_same(pg.distance_to_points(both)[1], pg.distance_to_points(tensor + 1)[0])
    camera = pg.Perspective.from_fov(16, 32, 1.0)
    depth = pg.distance_to_depth(distance, camera)
    assert_same(depth, pg.distance_to_depth(tensor, camera)[0, 0])
    assert_same(pg.depth_to_distance(depth, camera), tensor[0, 0])
    with pytest.raises(pg.ShapeError, match=r"\(h, w\)"):
        pg.distance_to_points(distance[None, None])


def test_padding_masks_and_own_pixels() -> None:
    image = erp("float32")[0].transpose(1, 2, 0)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    assert_same(pg.pad(image, 2), pg.pad(tensor, 2)[0].permute(1, 2, 0))
    faces = pg.erp_to_cube(image, 4)
    assert_same(pg.pad_cube(faces, 1), pg.pad_cube(pg.erp_to_cube(tensor, 4), 1)[0].movedim(1, -1))
    valid, source = image[..., 0] > 100, pg.Equirectangular(16, 32)
    values, share = pg.resample_masked(image, valid, source, CAMERA, R)
    mask = torch.from_numpy(valid)[None, None]
    expected, weight = pg.resample_masked(tensor, mask, source, CAMERA, R)
    assert_same(values, expected[0].permute(1, 2, 0))
    assert_same(share, weight[0, 0])
    pixels = source.project(CAMERA.rays().numpy() @ R.numpy().T)
    assert_same(pixels, source.project(CAMERA.rays() @ R.mT))
    sampled = pg.sample(image, pixels, source.surface)
    view = pg.erp_to_perspective(tensor, CAMERA, R)[0].permute(1, 2, 0)
    assert (torch.from_numpy(sampled) - view).abs().max() < 1e-5 * 255 * 2  # another rounding
    rays = source.unproject(pixels)
    assert isinstance(rays, np.ndarray)
    assert source.visible(rays).all()


def test_tangent_patches_there_and_back() -> None:
    image = erp("float32")[0].transpose(1, 2, 0)
    patches, camera, rotations = pg.erp_to_tangents(image, 24)
    assert patches.shape == (20, 24, 24, 3)
    assert isinstance(rotations, np.ndarray)
    back, covered = pg.blend_views(patches, camera, rotations, 16, 32)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    views, _, turns = pg.erp_to_tangents(tensor, 24)
    expected, _ = pg.blend_views(views, camera, turns, 16, 32)
    assert_same(back, expected[0].permute(1, 2, 0))
    assert covered.shape == (16, 32)
    assert covered.all()
    *_, fit = pg.align_views(patches[..., 0] + 1, camera, rotations, 16, 32)
    assert fit.shape == (20, 2)
    assert abs(fit[:, 0] - 1).max() < 0.1


def test_memory_that_torch_cannot_share() -> None:
    image = erp("float32")[0]
    image.setflags(write=False)
    expected = pg.rotate(torch.from_numpy(image.copy())[None], R)[0]
    assert_same(pg.rotate(image, R), expected)
    foreign = image.astype(image.dtype.newbyteorder())  # as PFM files and detectors have it
    assert_same(pg.rotate(foreign, R.numpy().astype(">f4")), expected)
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
