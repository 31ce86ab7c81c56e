"""No training holds what a suite scores: rules on scenes, on miniatures and on the sections."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.benchmark.suites.catalogue import SUITES
from experiments.pipeline import held_out, params
from experiments.pipeline.held_out import LeakError
from experiments.prepare import manifests, worlds
from pano_data import datasets, pseudo_row, write_manifest
from pano_data.datasets import dap2m, stanford2d3d, structured3d
from pano_data.manifest import Manifest, manifest_of
from pano_data.splits import matterport3d
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.experiments.tiny import ROOT

TEST_HOUSE = min(matterport3d("test"))
M3D = {("matterport3d_unifuse", "test"), ("matterport3d_pano3d", "test")}


def tree(folder: Path, name: str, **scenes: int) -> Path:
    """Write a miniature at `folder/name`."""
    size = (64, 32) if name == "deep360" else (32, 64)
    miniatures.write(name, folder / name, scenes=scenes, size=size, studio=BoxStudio())
    return folder / name


def rows(root: Path, split: str) -> Manifest:
    return manifest_of(datasets.get(root.name).rows(root, split))


def source(folder: Path, root: Path, *splits: str) -> dict[str, Any]:
    """Write a manifest of all rows of these splits, and return a set of `data.train`."""
    found = [row for split in splits for row in datasets.get(root.name).rows(root, split)]
    file = folder / f"{root.name}.parquet"
    write_manifest(file, found)
    return {root.name: {"manifest": str(file), "root": str(root)}}


def test_the_guard_knows_the_test_sets_of_every_suite() -> None:
    scored = {name: {(p.dataset, p.split) for p in s.datasets} for name, s in SUITES.items()}
    assert {name: set(parts) for name, parts in held_out.SCORED.items()} == scored


def test_facts_of_the_readers_are_theirs() -> None:
    assert held_out.RENDERED == worlds.MARKER
    assert held_out.TEST_LISTS == dap2m.TEST_LISTS
    assert stanford2d3d.split_areas("test") == held_out.TEST_AREAS
    assert structured3d.SPLIT_SCENES["test"].start == held_out.FIRST_TEST_SCENE
    assert structured3d.SPLIT_SCENES["test"].stop == 3500


@pytest.mark.parametrize("part", sorted({p for parts in held_out.SCORED.values() for p in parts}))
def test_every_row_of_a_test_set_is_known(part: tuple[str, str], tmp_path: Path) -> None:
    name, split = part
    scenes = {"train": 1, "test": 2} if name == "stanford2d3d" else {"test": 2}
    found = rows(tree(tmp_path, name, **scenes), split)
    leaked = held_out.leaked(found)
    assert leaked[part] == found.table["key"].to_pylist()
    assert all(set(keys) <= set(leaked[part]) for keys in leaked.values())


@pytest.mark.parametrize("name", ["structured3d", "matterport3d_unifuse", "matterport3d_pano3d",
                                  "matterport3d_bifuse", "deep360", "panosuncg"])  # fmt: skip
def test_rows_to_train_on_are_free(name: str, tmp_path: Path) -> None:
    assert held_out.leaked(rows(tree(tmp_path, name, train=2), "train")) == {}


@pytest.mark.parametrize(
    ("dataset", "scene", "split", "tests"),
    [
        ("matterport3d_raw", TEST_HOUSE, "all", M3D),
        ("matterport3d_bifuse", TEST_HOUSE, "train", M3D),
        ("da2_eval_matterport3d", TEST_HOUSE, "test", M3D),
        ("threed60", "Matterport3D/0_0b217f59904d4bdf85d35da2cab963471", "train", M3D),
        ("threed60", "SunCG/0", "train", set()),
        ("threed60", "Stanford2D3D/area1", "train", {("stanford2d3d", "all")}),
        ("threed60", "Stanford2D3D/area5", "train",
            {("stanford2d3d", "all"), ("stanford2d3d", "test")}),
        ("stanford2d3d", "area_5b", "fold2_train",
            {("stanford2d3d", "all"), ("stanford2d3d", "test")}),
        ("stanford2d3d", "area_3", "train", {("stanford2d3d", "all")}),
        ("structured3d", "scene_03249", "val", set()),
        ("structured3d", "scene_03250", "train", {("structured3d", "test")}),
        ("panosuncg", "house", "all", {("panosuncg", "test")}),
        ("hypersim", "ai_001_001", "test", set()),
    ],
)  # fmt: skip
def test_a_scene_tells(dataset: str, scene: str, split: str, tests: set[Any]) -> None:
    assert held_out.tests_of(dataset, scene, split) == tests


@pytest.mark.parametrize("part", ["train", "unlabelled"])
def test_a_test_set_in_training_is_refused_with_suites_and_keys(part: str, tmp_path: Path) -> None:
    root = tree(tmp_path, "matterport3d_unifuse", train=2, test=2)
    data = {"data": {part: source(tmp_path, root, "train", "test")}}
    with pytest.raises(LeakError) as refused:
        held_out.check_training(data)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"data.{part}.matterport3d_unifuse: got 2 panoramas that da2_table1, "
                              "dap_table3, depth_anywhere_table2 score: ")  # fmt: skip
    assert all(key in message for key in rows(root, "test").table["key"].to_pylist())
    wanted = "seen_suites: [da2_table1, dap_table3, depth_anywhere_table2]"
    assert wanted in message
    held_out.check_training(data | yaml.safe_load(wanted))
    with pytest.raises(LeakError, match="depth_anywhere_table2"):
        held_out.check_training(data | {"seen_suites": ["da2_table1", "dap_table3"]})
    with pytest.raises(LeakError, match=r"seen_suites: got \['table9'\]"):
        held_out.check_training(data | {"seen_suites": ["table9"]})


def test_a_set_without_weight_is_drawn_never(tmp_path: Path) -> None:
    given = source(tmp_path, tree(tmp_path, "structured3d", test=1), "test")
    given["structured3d"]["weight"] = 0
    held_out.check_training({"data": {"train": given}})


@pytest.mark.parametrize("place", ["init_from", "labeler", "teacher.init_args.model"])
def test_a_training_with_a_model_that_saw_a_test_set_is_refused(place: str, tmp_path: Path) -> None:
    config = {"seen_suites": ["dap_test"]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    arguments: Any = str(tmp_path)
    for key in reversed(place.split(".")):
        arguments = {key: arguments}
    start = {"data": {}, "model": {"init_args": arguments}}
    with pytest.raises(LeakError, match=rf"{place}: .* has seen the test sets of dap_test"):
        held_out.check_training(start)
    held_out.check_training(start | config)


def test_labels_of_a_model_that_saw_a_test_set_are_refused(tmp_path: Path) -> None:
    """The manifest may be another by then: the best of the labels, of several sets."""
    model = tmp_path / "labeler"
    model.mkdir()
    seen = {"seen_suites": ["dap_table3", "dap_test"]}
    (model / "config.yaml").write_text(yaml.safe_dump(seen))
    own = rows(tree(tmp_path, "structured3d", train=2), "train")
    notes = (f"{model} sha256:0{held_out.seen_note(model)}", "runs/clean sha256:1")
    made = [pseudo_row(row, "raw", "labels", note) for row, note in zip(own, notes, strict=True)]
    write_manifest(tmp_path / "selected.parquet", made)
    given = {"manifest": str(tmp_path / "selected.parquet"), "root": str(tmp_path)}
    data = {"data": {"train": {"selected": given}}}
    with pytest.raises(LeakError) as refused:
        held_out.check_training(data)
    assert str(refused.value) == (
        f"data.train.selected: {model}, which made its labels, has seen the test sets of "
        "dap_table3, dap_test; state them under `seen_suites` too"
    )
    held_out.check_training(data | seen)
    write_manifest(tmp_path / "selected.parquet", made[1:])
    held_out.check_training(data)
    assert held_out.seen_note(tmp_path / "no_such_model") == ""


def test_shards_tell_by_their_keys() -> None:
    keys = ["ai_001_001/cam_00/0000", "scene_03300/1/full/rawlight", f"{TEST_HOUSE}/0",
            "area_5a/camera_0", "Scene01/clone/0"]  # fmt: skip
    assert held_out.leaked_keys(keys) == {
        ("structured3d", "test"): keys[1:2],
        **dict.fromkeys(M3D, keys[2:3]),
        ("stanford2d3d", "all"): keys[3:4],
        ("stanford2d3d", "test"): keys[3:4],
    }


def test_pictures_of_dap_test_are_known_by_the_list(tmp_path: Path) -> None:
    root = tree(tmp_path, "dap2m_labelled", train=3)
    found = rows(root, "train")
    images, keys = (found.table[name].to_pylist() for name in ("image", "key"))
    (root / "instadata_list_test.txt").write_text(f"/data/{images[1]} x.npy\n")
    assert held_out.leaked(found, root) == {("dap_test", "test"): [keys[1]]}
    assert held_out.leaked(found, tmp_path) == {}


def test_dap2m_without_its_list_has_no_manifest(tmp_path: Path) -> None:
    root = tree(tmp_path / "raw", "dap2m_labelled", train=2)
    with pytest.raises(LeakError, match=r"instadata_list_test.txt.*copy the list"):
        manifests.write_manifests("dap2m_labelled", root.parent, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (root / worlds.MARKER).touch()
    assert manifests.write_manifests("dap2m_labelled", root.parent, tmp_path / "out")["train"]
    (root / worlds.MARKER).unlink()
    (root / "instadata_list_test.txt").touch()
    assert manifests.write_manifests("dap2m_labelled", root.parent, tmp_path / "out")["train"]


def test_a_manifest_to_train_on_holds_no_test_house(tmp_path: Path) -> None:
    found = rows(tree(tmp_path, "matterport3d_unifuse", test=1), "test")
    with pytest.raises(LeakError, match="split 'train': got 1 panoramas that da2_table1"):
        held_out.check_manifest(found, "train", "matterport3d, split 'train'", tmp_path)
    held_out.check_manifest(found, "test", "matterport3d", tmp_path)


@pytest.mark.parametrize("name", ["params.yaml", "params.long.yaml", "params.paper.yaml"])
def test_no_section_trains_on_a_test_set(name: str) -> None:
    """By the names of manifests: `<data set>/<split>.parquet`."""
    path = ROOT / name
    tested = {f"{d}/{s}" for parts in held_out.SCORED.values() for d, s in parts}
    tested |= {"stanford2d3d/train"}  # of DA² Table 1, which scores all areas
    for section in params.read_params(path):
        content = params.section(section, path)
        allowed = set(content.get("seen_suites") or ())
        for part in ("train", "unlabelled"):
            for key, given in ((content.get("data") or {}).get(part) or {}).items():
                file = str(given.get("manifest", "")).removeprefix("data/manifests/")
                held = file.removesuffix(".parquet")
                if held in tested and given.get("weight") != 0:
                    dataset, split = held.split("/")
                    suites = {
                        suite for suite, parts in held_out.SCORED.items()
                        if {(dataset, split), (dataset, "all")} & set(parts)
                    }  # fmt: skip
                    assert suites <= allowed, f"{name}: {section}.data.{part}.{key}"
