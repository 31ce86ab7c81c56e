"""What no signature checks in a values file: a slip is told in a line, before any stage."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.pipeline import names, params

ROOT = Path(__file__).parents[3]
FILES = ["params.yaml", "params.long.yaml", "params.paper.yaml", "params.rehearsal.yaml"]
SECTIONS = params.read_params(ROOT / "params.yaml")
PAPER = params.read_params(ROOT / "params.paper.yaml")


def changed(place: str, value: Any, sections: dict[str, Any] = SECTIONS) -> dict[str, Any]:
    """Sections with another value at a place; without it where the value is `...`."""
    found = copy.deepcopy(sections)
    *above, last = place.split(".")
    node = found
    for key in above:
        node = node[key]
    if value is ...:
        node.pop(last)
    else:
        node[last] = value
    return found


def renamed(place: str, name: str, sections: dict[str, Any] = SECTIONS) -> dict[str, Any]:
    node: Any = sections
    for key in place.split("."):
        node = node[key]
    above = place.rpartition(".")[0]
    return changed(f"{above}.{name}" if above else name, node, changed(place, ..., sections))


@pytest.mark.parametrize("file", FILES)
def test_our_own_files_are_in_order(file: str) -> None:
    sections = params.read_params(ROOT / file)
    assert list(names.wrong(ROOT, sections)) == []
    assert list(names.unusual(sections)) == []


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        (renamed("pipeline.students", "studens"), "pipeline.students: not there"),
        (renamed("pipeline.students", "studens"), "is studens meant?"),
        (changed("pipeline.metrik", []), "pipeline.metrik: no such key, expected one of"),
        (changed("pipeline.students", {"a": "b"}), "pipeline.students: got {'a': 'b'}"),
        (changed("pipeline.students", [3]), "pipeline.students: got [3]"),
        (changed("pipeline.rooms", ["a"]), "pipeline.rooms: got ['a'], expected a name"),
        (changed("pipeline", "nomapping"), "pipeline: got 'nomapping'"),
        (changed("worlds", 3), "worlds: got 3"),
        (changed("pipeline.students", ["unifuze"]), "unifuze: not there, and stage train_student"),
        (renamed("da2_curate_hypersim", "da2_curate_hypersin"), "is da2_curate_hypersin meant?"),
        (changed("worlds.zind.dataset", {"no": "mapping"}), "worlds.zind.dataset: got {'no'"),
        (changed("worlds.zind", "nomapping"), "worlds.zind: got 'nomapping'"),
        (
            changed("augmentations.rooms.init_args.transforms", [{"class_path": {"a": 1}}]),
            "augmentations.rooms.init_args.transforms.0.class_path: got {'a': 1}",
        ),
        (
            changed("da2.model.init_args.net.init_args", "nomapping"),
            "da2.model.init_args.net.init_args: got 'nomapping', expected a mapping",
        ),
        (changed("datasets.zind", "nomapping"), "datasets.zind: got 'nomapping'"),
        (renamed("datasets.stanford2d3d.options", "option"), "stanford2d3d.option: no such key"),
        (renamed("datasets.stanford2d3d.options", "option"), "is options meant?"),
        (changed("datasets.stanford2d3d.options", {"rgb_foldr": "a"}), "no option 'rgb_foldr'"),
        (changed("datasets.stanford2d3d.options.rgb_folder", 3), "option rgb_folder: got 3"),
        (changed("datasets.zind.train.root", ...), "datasets.zind.train: no such key"),
        (changed("datasets.structured3d_rooms.dataset", ...), "structured3d_rooms: got 'struct"),
        (changed("datasets.structured3d_rooms.dataset", "x"), "rooms.dataset: got 'x', expected"),
        (changed("datasets.structured3d_rooms.dataset", ["x"]), "rooms.dataset: got ['x']"),
        (changed("datasets.structured3d.variants", 3, PAPER), "structured3d.variants: got 3"),
        (changed("datasets.structured3d.variants.a", 3, PAPER), "variants.a: got 3"),
        (
            changed("datasets.structured3d.variants.a", {"furnitur": ["full"]}, PAPER),
            "datasets.structured3d.variants.a: data set structured3d has no option 'furnitur'",
        ),
        (changed("pipeline.alternatives", 3, PAPER), "pipeline.alternatives: expected loops"),
        (
            changed("pipeline.alternatives.released.manifestz", [], PAPER),
            "pipeline.alternatives.released: got 'manifestz'",
        ),
        (changed("pipeline.alternatives.released.manifests", 3, PAPER), "pipeline.alternatives"),
        (
            changed("pipeline.alternatives.released.da2_authors", ["da2_author"], PAPER),
            "da2_author: not there",
        ),
    ],
)
def test_a_mistake_that_no_stage_tells(sections: dict[str, Any], told: str) -> None:
    lines = list(names.wrong(ROOT, sections))
    assert any(told in line for line in lines), lines
    assert all("\n" not in line and len(line) < 700 for line in lines)


@pytest.mark.parametrize(
    ("place", "name", "told"),
    [
        ("da2.data.train.structured3d", "structured3d_x", "structured3d_x: a name of its own"),
        ("da2.data.val.stanford2d3d", "stanfrod2d3d", "if stanford2d3d is meant"),
        ("evaluate.datasets.deep360", "dep360", "evaluate.datasets.dep360: a name of its own"),
        ("da2.model.init_args.loss.init_args.terms.normal", "norml", "terms.norml"),
    ],
)
def test_a_chosen_name_a_slip_away_from_a_known_one_gets_a_line(
    place: str, name: str, told: str
) -> None:
    sections = renamed(place, name)
    assert list(names.wrong(ROOT, sections)) == []
    lines = list(names.unusual(sections))
    assert told in lines[0]
    assert len(lines) <= 2  # a term that is used once may be the slip of the other


@pytest.mark.parametrize("name", ["mine", "structured3d_train", "rooms_of_ours"])
def test_another_chosen_name_gets_none(name: str) -> None:
    assert list(names.unusual(renamed("da2.data.train.structured3d", name))) == []


def write(folder: Path, sections: dict[str, Any]) -> Path:
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(sections))
    return folder / "params.yaml"


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda: SECTIONS, 0, ""),
        (lambda: renamed("da2.data.val.stanford2d3d", "stanford2d3dx"), 0, "note on"),
        (lambda: renamed("pipeline.students", "x"), 2, "pipeline.students: not there"),
        (lambda: changed("da2", {"extends": "nowhere"}), 0, ""),  # told by the stage
        (lambda: changed("datasets.zind", {"extends": "nowhere"}), 2, "'nowhere'"),
    ],
)
def test_the_command_prints_a_line(
    change: Callable[[], dict[str, Any]], code: int, said: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert names.main([str(write(tmp_path, change()))]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == bool(said)
