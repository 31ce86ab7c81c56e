import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pano_data import datasets
from pano_data.decode import Label, resize_label
from pano_data.errors import CorruptSampleError
from pano_data.io.encode import write_png
from pano_data.manifest import Row, write_manifest
from pano_data.pseudo_labels import pseudo_row, write_pseudo_label
from pano_data.reader import DecodedSample, ManifestDataset, read, resize
from pano_data.sample import validate_sample
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


@pytest.fixture(scope="module")
def stanford(tmp_path_factory):
    root = tmp_path_factory.mktemp("stanford2d3d")
    miniatures.write("stanford2d3d", root, views=3, size=(32, 64), studio=BoxStudio())
    rows = datasets.get("stanford2d3d").rows(root, "test")
    write_manifest(root / "test.parquet", rows)
    return root


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_are_valid_and_collate(stanford, workers):
    data = ManifestDataset(stanford / "test.parquet", stanford, size=(16, 32))
    for sample in data:
        validate_sample(sample)
    (batch,) = DataLoader(data, batch_size=3, num_workers=workers)
    assert batch["image"].shape == (3, 3, 16, 32)
    assert batch["valid"].dtype == torch.bool
    assert batch["metric"].tolist() == [True] * 3
    assert len(set(batch["key"])) == 3
    assert "intrinsics" not in batch


def test_iteration_ends(stanford):
    data = ManifestDataset(stanford / "test.parquet", stanford)
    assert len(list(data)) == len(data) == 3


def test_resizing_never_mixes_sentinels():
    valid = np.zeros((8, 16), bool)
    valid[::2] = True
    label = Label(np.where(valid, np.float32(2), np.float32(0)), valid, ~valid)
    for size in ((5, 9), (4, 8), (13, 31)):
        small = resize_label(label, size)
        assert set(np.unique(small.distance)) <= {0.0, 2.0}
        np.testing.assert_array_equal(small.valid, small.distance == 2)
        np.testing.assert_array_equal(small.far, ~small.valid)


def test_nearest_picks_pixel_centres():
    label = Label(
        np.arange(27, dtype=np.float32).reshape(3, 9) + 1,
        np.ones((3, 9), bool),
        np.zeros((3, 9), bool),
    )
    small = resize_label(label, (1, 3))
    np.testing.assert_array_equal(small.distance, [[11, 14, 17]])  # the middle of each 3x3 block


@pytest.mark.parametrize("size", [(20, 48), (4, 8)])
def test_resizing_a_panorama_is_blind_to_the_seam_and_a_picture_is_not(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (8, 16, 3), np.uint8)

    def resized(image, projection):
        nothing = np.zeros(image.shape[:2], bool)
        label = Label(np.zeros(image.shape[:2], np.float32), nothing, nothing)
        return resize(
            DecodedSample(rgb_row(projection=projection), image, label, None, ~nothing), size
        ).rgb

    one, turned = (resized(np.roll(image, n, 1), "erp") for n in (0, 4))
    np.testing.assert_array_equal(np.roll(one, 4 * size[1] // 16, 1), turned)
    edges = np.abs(resized(image, "pinhole").astype(int) - one)[:, [0, -1]]
    assert edges.max() > 8  # the border of a picture has no neighbour


def test_intrinsics_follow_the_size(tmp_path):
    K = (40.0, 0.0, 32.0, 0.0, 40.0, 16.0, 0.0, 0.0, 1.0)
    write_png(tmp_path / "i.png", np.zeros((32, 64, 3), np.uint8))
    write_png(tmp_path / "d.png", np.full((32, 64), 200, np.uint16))
    row = Row(
        key="k", dataset="d", split="train", scene="s", image="i.png", depth="d.png",
        encoding="png", kind="z", projection="pinhole", intrinsics=K, units_per_metre=100,
    )  # fmt: skip
    sample = only_sample(row, tmp_path)
    validate_sample(sample)
    np.testing.assert_allclose(
        sample["intrinsics"], [[20, 0, 16], [0, 10, 4], [0, 0, 1]], rtol=1e-6
    )
    # Half the width, a quarter of the height: still the distance of the same rays.
    x, y = (16.5 - 16) / 20, (4.5 - 4) / 10
    near = 2 * np.sqrt(1 + x**2 + y**2)
    assert sample["distance"][0, 4, 16] == pytest.approx(near, rel=2e-3)


def only_sample(row, root):
    write_manifest(root / "m.parquet", [row])
    return ManifestDataset(root / "m.parquet", root, size=(8, 32))[0]


def rgb_row(**changes):
    return Row(key="k", dataset="zind", split="train", scene="s", image="i.png", **changes)


def test_images_without_label_and_masks(tmp_path):
    write_png(tmp_path / "i.png", np.full((4, 8), 255, np.uint8))
    sample = read(rgb_row(), tmp_path)
    assert not sample.label.valid.any()
    assert (sample.rgb == 255).all()


def test_masks_remove_pixels_even_at_another_size(tmp_path):
    write_png(tmp_path / "i.png", np.zeros((4, 8, 3), np.uint8))
    write_png(tmp_path / "d.png", np.full((4, 8), 1000, np.uint16))
    mask = np.full((8, 16), 254, np.uint8)  # a mask that went through JPEG is not 255
    mask[:4] = 3
    write_png(tmp_path / "m.png", mask)
    row = rgb_row(
        depth="d.png", mask="m.png", encoding="png", kind="distance", units_per_metre=1000
    )
    label = read(row, tmp_path).label
    np.testing.assert_array_equal(label.valid, np.arange(4)[:, None].repeat(8, 1) >= 2)
    np.testing.assert_array_equal(label.distance, label.valid.astype(np.float32))


def test_label_of_another_size_is_corrupt(tmp_path):
    write_png(tmp_path / "i.png", np.zeros((4, 8, 3), np.uint8))
    write_png(tmp_path / "d.png", np.full((8, 16), 1000, np.uint16))
    row = rgb_row(depth="d.png", encoding="png", kind="distance")
    with pytest.raises(CorruptSampleError, match=r"size mismatch: the label is \(8, 16\)"):
        read(row, tmp_path)


def test_label_of_a_model_may_have_the_size_of_the_model(tmp_path):
    write_png(tmp_path / "i.png", np.zeros((8, 16, 3), np.uint8))
    metres = np.arange(1, 33, dtype=np.float32).reshape(4, 8)
    row = rgb_row()
    write_pseudo_label(tmp_path / "labels", row, metres, metres > 30)
    label = read(pseudo_row(row, ".", "labels", "made by a test"), tmp_path).label
    np.testing.assert_array_equal(label.far, (metres > 30).repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(
        label.distance[label.valid], metres.repeat(2, 0).repeat(2, 1)[label.valid]
    )
    assert label.valid.sum() == 4 * 30
