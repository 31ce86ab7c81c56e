import dataclasses
import math
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pano_data.errors import DatasetNotFoundError, ManifestError
from pano_data.manifest import Manifest, Row, manifest_of, merge, read_manifest, write_manifest


def row(key: str, **changes: object) -> Row:
    base = Row(
        key=key,
        dataset="stanford2d3d",
        split="test",
        scene="area_5a",
        image=f"{key}.png",
        depth=f"{key}_d.png",
        encoding="png",
        kind="z",
        units_per_metre=512,
        invalid=(65535,),
        far=(math.inf,),
        intrinsics=(50.0, 0.0, 32.0, 0.0, 50.0, 16.0, 0.0, 0.0, 1.0),
    )
    return dataclasses.replace(base, **changes)


def test_round_trip_keeps_every_field(tmp_path):
    rows = [
        row("b", score=0.25, provenance="run 7"),
        row("a", depth=None, encoding="none", kind="none"),
    ]
    written = write_manifest(tmp_path / "m.parquet", rows)
    back = read_manifest(tmp_path / "m.parquet")
    assert list(back) == [rows[1], rows[0]]
    assert back == written
    assert [back[0], back[-1]] == [rows[1], rows[0]]
    assert list(back[1:]) == [rows[0]]


def test_same_rows_in_any_order_give_the_same_bytes_and_digest(tmp_path):
    rows = [row(str(n)) for n in range(50)]
    write_manifest(tmp_path / "a.parquet", rows)
    other = write_manifest(tmp_path / "b.parquet", reversed(rows))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_manifest(tmp_path / "a.parquet").digest == other.digest
    changed = manifest_of([*rows[1:], row("0", units_per_metre=1000.0)])
    assert changed.digest != other.digest


def test_nothing_is_left_beside_a_manifest(tmp_path):
    write_manifest(tmp_path / "new" / "m.parquet", [row("a")])
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["m.parquet"]


def test_two_rows_of_one_key_are_refused(tmp_path):
    with pytest.raises(ManifestError, match="two rows of stanford2d3d have the key 'a'"):
        write_manifest(tmp_path / "m.parquet", [row("a"), row("a", split="train")])
    assert not (tmp_path / "m.parquet").exists()
    assert len(manifest_of([row("a"), row("a", dataset="other")])) == 2


def test_filter_and_merge():
    manifest = manifest_of([row("a"), row("b", split="train"), row("c", split="val")])
    assert [r.key for r in manifest.filter(split="train")] == ["b"]
    assert [r.key for r in manifest.filter(split=("train", "val"), metric=True)] == ["b", "c"]
    assert merge([manifest.filter(split="val"), manifest.filter(split="test")]) == manifest.filter(
        split={"val", "test"}
    )
    with pytest.raises(ManifestError, match="no column 'spilt'"):
        manifest.filter(spilt="train")
    with pytest.raises(ManifestError, match="two rows"):
        merge([manifest, manifest])


def test_index_out_of_range_and_pickling():
    manifest = manifest_of([row("a"), row("b")])
    with pytest.raises(IndexError, match="row 2 of a manifest of 2"):
        manifest[2]
    assert pickle.loads(pickle.dumps(manifest)) == manifest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "depth"}, "kind='depth', expected one of"),
        ({"projection": "erq"}, "projection='erq'"),
        ({"depth": None}, "expected a path with both"),
        ({"intrinsics": None}, "needs intrinsics"),
        ({"kind": "disparity"}, "needs a positive baseline"),
        ({"units_per_metre": 0}, "units_per_metre=0, "),
        ({"edge_margin": -1}, "edge_margin=-1, expected"),
    ],
)
def test_rows_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(ManifestError, match=message):
        row("a", **changes)


def test_files_that_are_no_manifest(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="write_manifest"):
        read_manifest(tmp_path / "m.parquet")
    (tmp_path / "m.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ManifestError, match="not a readable parquet"):
        read_manifest(tmp_path / "m.parquet")


def test_poses_survive_and_manifests_from_before_them_are_read(tmp_path):
    pose = tuple(float(n) for n in range(16))
    written = write_manifest(tmp_path / "new.parquet", [row("a", pose=pose), row("b")])
    assert [r.pose for r in read_manifest(tmp_path / "new.parquet")] == [pose, None]
    pq.write_table(written.table.drop_columns(["pose"]), tmp_path / "old.parquet")
    old = read_manifest(tmp_path / "old.parquet")
    assert list(old) == [row("a"), row("b")]
    assert old.digest == manifest_of([row("a"), row("b")]).digest
    pq.write_table(written.table.drop_columns(["baseline"]), tmp_path / "other.parquet")
    with pytest.raises(ManifestError, match="another version"):
        read_manifest(tmp_path / "other.parquet")
    with pytest.raises(ManifestError, match="pose has 3 numbers"):
        row("a", pose=(1.0, 2.0, 3.0))


HOSTILE = [
    {"key": "../../../evil"}, {"key": ""}, {"key": "a\0b"}, {"dataset": "/tmp"},
    {"dataset": "a/../.."}, {"image": "/etc/passwd"}, {"image": "../x.png"}, {"mask": "..\\x.png"},
    {"depth": "C:\\x.png"}, {"units_per_metre": math.nan}, {"units_per_metre": math.inf},
    {"units_per_metre": 0.0}, {"baseline": -1.0}, {"baseline": math.nan}, {"far_from": math.nan},
    {"invalid_from": -1.0}, {"intrinsics": (0.0,) * 9}, {"intrinsics": (1.0,) * 8},
    {"intrinsics": (50.0, 0, 32, 0, math.nan, 16, 0, 0, 1)},
    {"intrinsics": (-50.0, 0, 32, 0, 50, 16, 0, 0, 1)}, {"pose": (math.inf,) * 16},
    {"pose": (1.0,) * 12}, {"edge_margin": -1}, {"edge_margin": 10**9}, {"projection": "fisheye"},
]  # fmt: skip


@pytest.mark.parametrize("wrong", HOSTILE, ids=str)
def test_a_row_that_leaves_its_folder_or_says_the_impossible(wrong, tmp_path):
    """Refused where it is made, and where a file of others is opened: before any sample is read."""
    (name,) = wrong
    with pytest.raises(ManifestError, match=rf"row .*{name}"):
        dataclasses.replace(row("a"), **wrong)
    table = manifest_of([row("a"), row("b"), row("c", depth=None, encoding="none", kind="none")])
    rows = table.table.to_pylist()
    rows[1] |= wrong
    pq.write_table(pa.Table.from_pylist(rows, table.table.schema), tmp_path / "m.parquet")
    with pytest.raises(ManifestError, match=rf"row .*{name}"):
        read_manifest(tmp_path / "m.parquet")


def test_a_good_manifest_is_not_read_row_by_row(tmp_path, monkeypatch):
    write_manifest(tmp_path / "m.parquet", [row(str(n), baseline=0.1) for n in range(9)])
    monkeypatch.setattr(Manifest, "__iter__", None)
    assert len(read_manifest(tmp_path / "m.parquet")) == 9
    write_manifest(tmp_path / "empty.parquet", [])
    assert len(read_manifest(tmp_path / "empty.parquet")) == 0


@pytest.mark.parametrize(
    "wrong", [{"key": "../" + "x" * 10**6}, {"image": "/" + "x" * 10**6}, {"pose": [1.0] * 10**5}]
)
def test_a_long_value_is_shortened(wrong):
    values = {"key": "a", "dataset": "d", "split": "s", "scene": "s", "image": "a.png"}
    with pytest.raises(ManifestError) as error:
        Row(**{**values, **wrong})
    assert len(str(error.value)) < 500
