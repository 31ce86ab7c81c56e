"""Text beside pictures: damaged, it costs its own rows, or says which file has to come again."""

import gzip

import pytest

from pano_data.errors import DataError
from tests.data.datasets.trees import build

PER_FRAME = [
    ("mvs_synth", "**/poses/*.json", b'{"f_x": null, "f_y": 1, "c_x": 1, "c_y": 1}'),
    ("mvs_synth", "**/poses/*.json", b"[]"),
    ("mvs_synth", "**/poses/*.json", b"\xff\xfe\x00"),
    ("ken_burns", "**/*meta.json", b"\xff\xfe\x00"),
    ("ken_burns", "**/*meta.json", b'{"fltFov": "wide"}'),
    ("ken_burns", "**/*meta.json", b'{"fltFov": 180}'),
    ("unrealstereo4k", "**/Extrinsics0/*.txt", b"1 0 0 0 1 0 0 0 1\nnan 0 0 0 0 1 0 0 0 0 1 0"),
]
WHOLE = [
    ("zind", "zind_partition.json", b"[]"),
    ("zind", "zind_partition.json", b"\xff"),
    ("hypersim", "metadata_images_split_scene_v1.csv", b"<html>\n404\n"),
    ("hypersim", "metadata_camera_parameters.csv", b"scene_name\nai_001_001\n"),
    ("dynamic_replica", "train/*.jgz", gzip.compress(b'[{"sequence_name": "x"}]')),
]


def _numbers(cases):
    return [f"{number}-{case[0]}" for number, case in enumerate(cases)]


@pytest.mark.parametrize(("name", "pattern", "content"), PER_FRAME, ids=_numbers(PER_FRAME))
def test_a_damaged_file_costs_its_own_frame(tmp_path, name, pattern, content):
    spec = build(name, tmp_path, views=2)
    split = "all" if "all" in spec.splits else spec.splits[0]
    whole, _ = spec.survey(tmp_path, split)
    sorted(tmp_path.glob(pattern))[0].write_bytes(content)
    rows, skipped = spec.survey(tmp_path, split)
    assert 0 < len(rows) < len(whole)
    assert len(rows) + len(skipped) == len(whole)
    assert all(row in whole for row in rows)


@pytest.mark.parametrize(("name", "pattern", "content"), WHOLE, ids=_numbers(WHOLE))
def test_a_damaged_table_is_named(tmp_path, name, pattern, content):
    spec = build(name, tmp_path)
    (path,) = tmp_path.glob(pattern)
    path.write_bytes(content)
    with pytest.raises(DataError, match=path.name):
        list(spec.rows(tmp_path, "train"))


def test_two_cameras_at_one_place_have_no_distance(tmp_path):
    spec = build("unrealstereo4k", tmp_path, views=2)
    for path in tmp_path.glob("00000/Extrinsics1/00000.txt"):
        path.write_text((tmp_path / "00000/Extrinsics0/00000.txt").read_text())
    _, skipped = spec.survey(tmp_path, "all")
    assert {skip.reason for skip in skipped} == {"both cameras stand at one place"}
