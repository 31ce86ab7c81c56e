"""Healthy trees pass; each way of being wrong is found and named."""

import json

import cv2
import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_data import datasets
from pano_data.audit import audit
from pano_data.errors import DatasetNotFoundError, UnknownDatasetError
from pano_data.io.encode import write_hdf5, write_png
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

SIZE = (64, 128)


def check(report, name):
    return next(c for c in report.checks if c.name == name)


def depths(root):
    return sorted(root.rglob("depth.png"))


def rewrite(root, change):
    for path in depths(root):
        write_png(path, change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)).astype(np.uint16))


@pytest.fixture
def structured3d(tmp_path):
    miniatures.write("structured3d", tmp_path, views=2, size=SIZE, studio=BoxStudio())
    return tmp_path


@pytest.mark.parametrize("name", miniatures.names())
def test_every_miniature_passes(name, tmp_path):
    miniatures.write(
        name, tmp_path, studio=BoxStudio(open_top=datasets.get(name).environment == "outdoor")
    )
    report = audit(name, tmp_path, samples=4)
    assert report.ok, "\n".join(report.lines())
    assert report.opened in (1, 2, 3, 4)
    assert not report.corrupt
    assert json.loads(json.dumps(report.as_dict()))["ok"] is True


def test_a_healthy_tree_is_described(structured3d):
    report = audit("structured3d", structured3d, samples=100)
    assert report.opened == 6
    assert report.sizes == {"64x128": 6}
    assert report.dtypes == {"uint16": 6}
    assert {name: split.rows for name, split in report.splits.items()} == dict.fromkeys(
        ("train", "val", "test"), 2
    )
    assert report.valid == 1.0
    low, middle, high = report.distance
    assert 0.5 < low < middle < high < 8
    assert check(report, "planarity").status == "ok"
    assert report.planarity["declared"] < 0.3 * report.planarity["face z"]
    assert report.lines()[0].endswith(": ok")


def test_the_choice_of_samples_is_seeded(structured3d):
    one, two, other = (audit("structured3d", structured3d, samples=3, seed=s) for s in (1, 1, 4))
    assert one.as_dict() == two.as_dict()
    assert one.as_dict() != other.as_dict()


def test_z_of_cube_faces_instead_of_distance(structured3d):
    rays = pg.Equirectangular(*SIZE).rays(dtype=torch.float64).numpy()
    rewrite(structured3d, lambda d: d * np.abs(rays).max(-1))
    report = audit("structured3d", structured3d)
    assert check(report, "planarity").status == "fail"
    assert "flat if read as face z" in check(report, "planarity").detail
    assert not report.ok


def test_z_in_a_set_of_distances(tmp_path):
    miniatures.write("hypersim", tmp_path, size=(96, 128), studio=BoxStudio())
    for row in datasets.get("hypersim").rows(tmp_path, "train"):
        import h5py

        with h5py.File(tmp_path / row.depth) as file:
            distance = file["dataset"][()]
        rays = np.linalg.inv(np.reshape(row.intrinsics, (3, 3)))
        y, x = np.mgrid[0.5:96, 0.5:128]
        length = np.linalg.norm(np.stack((x, y, np.ones_like(x)), -1) @ rays.T, axis=-1)
        write_hdf5(tmp_path / row.depth, (distance / length).astype(np.float16))
    found = check(audit("hypersim", tmp_path, splits=("train",)), "planarity")
    assert (found.status, "read as z" in found.detail) == ("fail", True)


def test_distance_in_a_set_of_z(tmp_path):
    miniatures.write("hypersim_processed", tmp_path, size=(96, 128), studio=BoxStudio())
    for row in datasets.get("hypersim_processed").rows(tmp_path, "test"):
        z = cv2.imread(str(tmp_path / row.depth), cv2.IMREAD_UNCHANGED)
        camera = pg.Perspective.from_intrinsics(96, 128, torch.tensor(row.intrinsics).reshape(3, 3))
        write_png(tmp_path / row.depth, (z / camera.rays()[..., 2].numpy()).astype(np.uint16))
    found = check(audit("hypersim_processed", tmp_path, splits=("test",)), "planarity")
    assert (found.status, "read as distance" in found.detail) == ("fail", True)


@pytest.mark.parametrize("factor", [0.1, 20])
def test_a_wrong_scale(structured3d, factor):
    rewrite(structured3d, lambda d: np.minimum(d * factor, 65535))
    found = check(audit("structured3d", structured3d), "range")
    assert (found.status, "expected a median of 0.3 to 20 m" in found.detail) == ("fail", True)


def test_an_undeclared_sentinel(structured3d):
    def holes(depth):
        depth[10:20, 40:60] = 65535
        return depth

    rewrite(structured3d, holes)
    found = check(audit("structured3d", structured3d), "sentinels")
    assert (found.status, "is 65.535" in found.detail) == ("warn", True)


def test_16_bits_that_went_through_8(structured3d):
    for path in depths(structured3d):
        write_png(path, (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) // 256).astype(np.uint8))
    found = check(audit("structured3d", structured3d), "label type")
    assert (found.status, found.detail) == ("fail", "got uint8 (6), expected uint16")


def test_images_and_labels_of_different_scenes(tmp_path):
    miniatures.write("structured3d", tmp_path, size=(160, 320), studio=BoxStudio())
    assert check(audit("structured3d", tmp_path), "pairs").status == "ok"
    rewrite(tmp_path, lambda d: np.roll(d, 150, 1))
    found = check(audit("structured3d", tmp_path), "pairs")
    assert (found.status, "other scenes?" in found.detail) == ("fail", True)


def test_corrupt_files_are_named(structured3d):
    first, second = depths(structured3d)[:2]
    first.write_bytes(first.read_bytes()[:100])
    write_png(second, np.zeros((8, 16), np.uint16))
    report = audit("structured3d", structured3d, samples=100)
    assert report.opened == 6
    assert sorted(c.reason for c in report.corrupt) == ["size mismatch", "truncated"]
    assert check(report, "files").detail.startswith("2 of 6 cannot be used")
    assert sum("corrupt scene_" in line for line in report.lines()) == 2


def test_everything_corrupt_is_a_report_not_a_crash(structured3d):
    for path in depths(structured3d):
        path.write_bytes(b"")
    report = audit("structured3d", structured3d)
    assert (report.ok, report.distance, len(report.corrupt)) == (False, None, 6)


def test_missing_splits_are_reported_and_missing_data_raise(structured3d, tmp_path_factory):
    for scene in structured3d.rglob("scene_03000"):
        scene.rename(scene.with_name("scene_99999"))
    report = audit("structured3d", structured3d)
    assert "not found" in report.splits["val"].problem
    with pytest.raises(DatasetNotFoundError, match="structured3d"):
        audit("structured3d", tmp_path_factory.mktemp("empty"))
    with pytest.raises(UnknownDatasetError):
        audit("kitti", structured3d)


def test_panoramas_must_be_two_to_one(tmp_path):
    miniatures.write("zind", tmp_path, size=(64, 100), studio=BoxStudio())
    found = check(audit("zind", tmp_path), "size")
    assert (found.status, "(2:1)" in found.detail) == ("fail", True)
