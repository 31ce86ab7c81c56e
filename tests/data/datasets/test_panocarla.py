"""PanoCARLA: lists of the benchmark, and frames of the videos of other towns."""

import json

import h5py
import numpy as np
import pytest

from pano_data.datasets import panocarla
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_frames_of_several_lists_are_one_row(tmp_path):
    spec = build("panocarla", tmp_path, scenes={"test": 2}, views=4)
    lists = sorted((tmp_path / "test_benchmark").glob("*.json"))
    assert len(lists) == 2  # one at half the rate
    rows = list(spec.rows(tmp_path, "test"))
    assert len({row.image for row in rows}) == len(rows) == 8
    assert {row.scene for row in rows} == {"town02/path0", "town10/path1"}
    lists[1].unlink()
    assert len(list(spec.rows(tmp_path, "test"))) == 4


def test_frames_of_a_video_are_those_of_its_file(tmp_path):
    spec = build("panocarla", tmp_path, scenes={"train": 2}, views=3)
    rows = list(spec.rows(tmp_path, "train"))
    assert [row.key for row in rows[:2]] == [
        "town01_path0_clip0/00000", "town01_path0_clip0/00001",
    ]  # fmt: skip
    with h5py.File(tmp_path / "panocarla_h5/town01_path0_clip0.h5") as video:
        rgb, depth = video["rgb"][1], video["depth"][1, ..., 0]
    sample = read(rows[1], tmp_path)
    np.testing.assert_array_equal(sample.rgb, rgb)
    np.testing.assert_array_equal(sample.label.far, depth >= 1000)
    assert sample.label.far.any()
    valid = sample.label.valid
    np.testing.assert_array_equal(sample.label.distance[valid], depth[valid])


def test_the_towns_of_the_benchmark_are_not_trained_on(tmp_path):
    spec = build("panocarla", tmp_path, scenes={"train": 1})
    video = tmp_path / "unpacked/town01_path0_clip0"
    video.rename(video.with_name("Town10_path0_clip0"))
    with pytest.raises(DatasetNotFoundError):
        list(spec.rows(tmp_path, "train"))


def test_every_nth_frame_and_what_is_there_is_not_written_again(tmp_path):
    spec = build("panocarla", tmp_path, scenes={"train": 1}, views=5)
    (tmp_path / "unpacked").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match=r"panocarla\.unpack\("):
        list(spec.rows(tmp_path, "train"))
    assert panocarla.unpack(tmp_path, every=2) == 3
    keys = [row.key.rpartition("/")[2] for row in spec.rows(tmp_path, "train")]
    assert keys == ["00000", "00002", "00004"]
    kept = next((tmp_path / "unpacked").rglob("00000.npy"))
    before = kept.stat().st_mtime_ns
    assert panocarla.unpack(tmp_path) == 5
    assert kept.stat().st_mtime_ns == before


def test_lists_cannot_reach_outside_and_damaged_ones_are_named(tmp_path):
    spec = build("panocarla", tmp_path, scenes={"test": 1})
    path = tmp_path / "test_benchmark/setting_dynamic_fps02_len50.json"
    for other in (tmp_path / "test_benchmark").glob("*fps10*"):
        other.unlink()
    frame = {"rgb_path": "../secret.png", "depth_path": "a.npy"}
    path.write_text(json.dumps({"town02": {"p": {"c": [frame]}}}))
    with pytest.raises(DatasetNotFoundError, match="lies outside of the root"):
        list(spec.rows(tmp_path, "test"))
    for content, told in (("[]", "expected {town"), ('{"t": {"p": {"c": [{}]}}}', "rgb_path")):
        path.write_text(content)
        with pytest.raises(DataError, match=told):
            list(spec.rows(tmp_path, "test"))


def test_a_video_that_is_another_is_refused(tmp_path):
    (tmp_path / "panocarla_h5").mkdir()
    with h5py.File(tmp_path / "panocarla_h5/town01_a_b.h5", "w") as file:
        file["rgb"] = np.zeros((2, 4, 8, 3), np.uint8)
    with pytest.raises(DataError, match="got no 'depth'"):
        panocarla.unpack(tmp_path)
    with h5py.File(tmp_path / "panocarla_h5/town01_a_b.h5", "a") as file:
        file["depth"] = np.zeros((1, 4, 8, 1), np.float32)
    with pytest.raises(DataError, match="got rgb"):
        panocarla.unpack(tmp_path)
