"""Labelling: each panorama once, whatever the ranks, and never the labels of two models."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

import pano_models
from experiments.dap import label as stage
from pano_data import datasets, label_path, read_manifest, write_manifest, write_pseudo_label
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.experiments import tiny

COUNT, SIZE = 5, (32, 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with five panoramas, their manifest and an untrained labeler."""
    root = tmp_path_factory.mktemp("label")
    miniatures.write(
        "folder", root / "raw", scenes={"unlabelled": COUNT}, size=SIZE, studio=BoxStudio()
    )
    rows = datasets.get("folder").rows(root / "raw", "unlabelled")
    write_manifest(root / "rows.parquet", rows)
    net = pano_models.create(
        "dap",
        backbone_options={"depth": 4, "embed_dim": 64, "num_heads": 2},
        features=8,
        level_channels=(8, 8, 8, 8),
    )
    pano_models.save(net, root / "model")
    return root


def run(data: Path, out: str, world: int, **changes: Any) -> None:
    """The stage; batches of one, so that how they are divided cannot change the last digits.

    An untrained net calls everything far: by default here nothing is, so labels are distances.
    """
    trainer = {"accelerator": "cpu", "devices": world, "strategy": "ddp" if world > 1 else "auto"}
    stage.label(
        model=str(data / "model"),
        **{
            "manifest": str(data / "rows.parquet"),
            "batch_size": 1,
            "far_threshold": 1.0,
            **changes,
        },
        root=str(data / "raw"),
        out=str(data / out),
        data_root=str(data),
        size=SIZE,
        threads=1,
        trainer=trainer,
    )


def noted(data: Path, out: str, changes: dict[str, Any]) -> None:
    """The stage as one of two ranks, which notes what it writes."""
    number, write = os.environ["RANK"], write_pseudo_label

    def noting(folder: Path, row: Any, *maps: Any) -> None:
        with (data / f"{out}.writes").open("a") as file:
            file.write(f"{number} {row.key}\n")
        write(folder, row, *maps)

    setattr(stage, "write_pseudo_label", noting)  # noqa: B010 - its own process, nothing to restore
    run(data, out, 2, **changes)


def run_on_two(data: Path, out: str, **changes: Any) -> list[tuple[str, str]]:
    """Two ranks at once; returns (rank, key) of each label that was written."""
    assert tiny.on_two_ranks(noted, data, out, changes) == [0, 0]
    lines = (data / f"{out}.writes").read_text().splitlines()
    return [(number, key) for number, key in map(str.split, lines)]


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


@pytest.fixture(scope="module")
def alone(data: Path) -> Path:
    """The result of one process."""
    run(data, "alone", 1)
    return data / "alone"


def test_one_process_labels_every_row(alone: Path, data: Path) -> None:
    rows = read_manifest(alone / "manifest.parquet")
    assert [row.key for row in rows] == [row.key for row in read_manifest(data / "rows.parquet")]
    assert all((data / str(row.depth)).is_file() for row in rows)
    assert {p.name for p in alone.iterdir()} == {
        "labels", "labeler", "manifest.parquet", "contents.json", "dropped.json",
    }  # fmt: skip


@pytest.mark.ddp
def test_two_ranks_label_an_odd_number_exactly_once(alone: Path, data: Path) -> None:
    foreign = data / "both/labels/folder/foreign.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"a label of another model")
    (data / "both/labeler").write_text("another model")
    written = run_on_two(data, "both")
    keys = [row.key for row in read_manifest(data / "rows.parquet")]
    assert sorted(key for _, key in written) == sorted(keys)  # each once, none twice
    assert sorted(number for number, _ in written) == ["0", "0", "0", "1", "1"]
    both = data / "both"
    assert files(both / "labels") == files(alone / "labels")  # nor is the foreign one left
    moved = [
        str(row.depth).replace("both/", "alone/")
        for row in read_manifest(both / "manifest.parquet")
    ]
    assert moved == [row.depth for row in read_manifest(alone / "manifest.parquet")]


@pytest.mark.ddp
def test_two_ranks_make_the_one_label_that_is_missing(alone: Path, data: Path) -> None:
    run(data, "again", 1)
    lost = read_manifest(data / "rows.parquet")[3]
    (data / "again/labels" / label_path(lost)).unlink()
    assert run_on_two(data, "again") == [("0", lost.key)]  # rank 1 has nothing to do
    assert files(data / "again/labels") == files(alone / "labels")


def test_what_is_there_is_not_made_again(alone: Path, data: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in alone.rglob("*.png")}
    killed = next(iter(before)).with_name(".0123abcd.9f8e7d6c.part.png")
    parts = [killed, alone / ".unlabelled.0123abcd.part.parquet", alone / ".dropped.01.part.json"]
    for part in parts:
        part.write_bytes(b"half")  # of a writer that was killed
    run(data, "alone", 1)
    assert not [part for part in parts if part.exists()]
    assert {p: p.stat().st_mtime_ns for p in alone.rglob("*.png")} == before


def test_a_damaged_panorama_is_left_out_with_its_reason(alone: Path, data: Path) -> None:
    rows = list(read_manifest(data / "rows.parquet"))
    (data / "raw/damaged.png").write_bytes((data / "raw" / rows[2].image).read_bytes()[:200])
    rows[2] = dataclasses.replace(rows[2], image="damaged.png")
    write_manifest(data / "damaged.parquet", rows)
    for _ in range(2):  # the second time there is nothing left to do
        run(data, "damaged", 1, manifest=str(data / "damaged.parquet"))
        left = [row.key for row in read_manifest(data / "damaged/manifest.parquet")]
        assert left == [row.key for row in rows if row != rows[2]]
    (entry,) = json.loads((data / "damaged/dropped.json").read_text())
    assert (entry["key"], entry["dataset"]) == (rows[2].key, rows[2].dataset)
    expected = files(alone / "labels")
    del expected[label_path(rows[2])]
    assert files(data / "damaged/labels") == expected


def test_other_settings_are_another_maker(data: Path) -> None:
    run(data, "far", 1, far_threshold=1.0)  # nothing does: real distances
    near = files(data / "far/labels")
    run(data, "far", 1, far_threshold=0.0)  # everything counts as far
    assert files(data / "far/labels").keys() == near.keys()
    assert files(data / "far/labels") != near


def test_equal_keys_of_two_data_sets_get_a_label_each(data: Path) -> None:
    spec = datasets.get("folder")
    rows = [
        row
        for name in ("one", "two")
        for row in spec.rows(data / "raw", "unlabelled", dataset=name)
    ]
    write_manifest(data / "mixed.parquet", rows)
    run(data, "mixed", 1, manifest=str(data / "mixed.parquet"), batch_size=4)
    assert len(files(data / "mixed/labels")) == 2 * COUNT


def test_labels_say_which_suites_their_labeler_has_seen(data: Path) -> None:
    config = data / "model/config.yaml"
    config.write_text("seen_suites: [dap_test, structured3d]\n")
    try:
        run(data, "seen", 1)
    finally:
        config.unlink()
    notes = set(read_manifest(data / "seen/manifest.parquet").table["provenance"].to_pylist())
    assert len(notes) == 1
    assert notes.pop().endswith(" seen:dap_test,structured3d")
