"""A mistake in params.yaml is told in a few lines that name section and key, before any work."""

import copy
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.da2.curate import curate as da2_curate
from experiments.dap.curate import curate as dap_curate
from experiments.dap.label import label
from experiments.depth_anywhere.mask import mask
from experiments.pipeline import params
from experiments.pipeline.stage import run_stage
from experiments.prepare import worlds
from experiments.training.cli import main

ROOT = Path(__file__).parents[3]
FILE = ROOT / "params.yaml"
MOST_LINES = 6
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "da2_curate_hypersim": da2_curate,
    "depth_anywhere_masks_structured3d_unlabelled": mask,
    "dap_label_1_zind": label,
    "dap_curate": dap_curate,
}
PAPERS = {
    "da2": "da2",
    "depth_anywhere_teacher": "depth_anywhere",
    "depth_anywhere_unifuse": "depth_anywhere",
    "dap_labeler": "dap",
    "dap_discriminator": "dap",
}
NET = "model.init_args.net"
LOSS = "model.init_args.loss"
# place, what is done there, word that the message must hold
TRAINING = [
    (f"{NET}.init_args.widht", 3, "widht"),
    (f"{NET}.class_path", "pano_models.Nothing", "Nothing"),
    (f"{NET}.class_path", "nothing", "nothing"),
    (f"{LOSS}.init_args.termz", {"a": 1}, "termz"),
    (f"{LOSS}.class_path", "pano_losses.Nothing", "Nothing"),
    ("model.init_args.optimizer.init_args.lr", "fast", "lr"),
    ("model.init_args.nett", {"a": 1}, "nett"),
    ("trainer.max_stepz", 3, "max_stepz"),
    ("trainer.max_steps", "many", "max_steps"),
    ("trainer", "nomapping", "trainer"),
    ("data", "nomapping", "data"),
    ("data.batch_size", "many", "batch_size"),
    ("data.batch_sise", 3, "batch_sise"),
    ("data.size", 64, "size"),
    ("data.train", "nomapping", "train"),
    ("data.train.structured3d.rooot", "x", "rooot"),
    ("data.train.structured3d.weight", "x", "weight"),
    ("threads", "x", "threads"),
    ("unknown", 3, "unknown"),
]
NEW = {"widht", "termz", "nett", "max_stepz", "batch_sise", "rooot", "unknown", "sise"}
NEW |= {"threads", "batch_size", "size", "weight"}  # stated by `common`, or left to the signature
STAGE = [
    ("unknown", 3, "unknown"),
    ("out", None, "out"),
    ("threads", "x", "threads"),
    ("size", "x", "size"),
    ("picture_size", [1], "picture_size"),
    ("manifest", "none.parquet", "none.parquet"),
    ("manifests", 3, "manifests"),
    ("p2e", "nomapping", "p2e"),
    ("p2e.sise", [64, 128], "sise"),
    ("masker.class_path", "pano_data.masks.Nothing", "Nothing"),
    ("outpainter.class_path", "nothing", "nothing"),
    ("keep", 3, "keep"),
    ("by", "chance", "by"),
]


read = functools.cache(functools.partial(params.section, path=FILE))


def mutated(section: str, place: str, value: Any) -> dict[str, Any] | None:
    """A section with another value at a place; None where it has no such place."""
    found = copy.deepcopy(read(section))
    *parents, last = place.split(".")
    node = found
    for key in parents:
        if not isinstance(node.get(key), dict):
            return None
        node = node[key]
    known = last in node or last in NEW
    node[last] = value
    return found if known else None


def cases() -> Iterator[Any]:
    """All mutations of `da2` and of every function, a fifth of the other trainings."""
    for number, section in enumerate(PAPERS):
        for index, (place, value, named) in enumerate(TRAINING):
            if mutated(section, place, value) is None:
                continue
            if section == "da2" or index % len(PAPERS) == number:
                yield pytest.param(section, place, value, named, id=f"{section}-{place}-{index}")
    place = "data.train.dap2m_labelled.manifest"
    yield pytest.param("dap_labeler", place, "none.parquet", "none.parquet", id="no manifest")
    for section in FUNCTIONS:
        for place, value, named in STAGE:
            if place == "size" and section.startswith("da2"):  # `p2e.size`
                continue
            if mutated(section, place, value) is None:
                continue
            yield pytest.param(section, place, value, named, id=f"{section}-{place}")


def started(section: str) -> None:
    if section in PAPERS:
        main(PAPERS[section], ["fit", "--section", section])
    else:
        run_stage(FUNCTIONS[section], section, [])


@pytest.mark.parametrize(("section", "place", "value", "named"), list(cases()))
def test_a_mistake_is_named(
    section: str, place: str, value: Any, named: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    changed = mutated(section, place, value)
    assert changed is not None
    common = read("common")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"common": common, section: changed}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as stop:
        started(section)
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) <= MOST_LINES
    assert section in said[-1]
    assert named in said[-1]
    left = {path.name for path in tmp_path.iterdir()} - {".runs"}  # the lock of a run
    assert left == {"params.yaml"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("scenes.train_x", 3),
        ("scenes", "many"),
        ("sceenes", {"train": 3}),
        ("size", 3),
        ("views", "x"),
    ],
)
def test_a_mistake_in_a_world_is_named(
    place: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    zind = read("worlds")["zind"]
    key, _, inner = place.partition(".")
    zind = {**zind, key: {**zind[key], inner: value} if inner else value}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"worlds": {"zind": zind}}))
    monkeypatch.chdir(tmp_path)
    assert worlds.main("zind") == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "worlds.zind" in said[0]
    assert (inner or key) in said[0]


def test_a_section_that_is_no_mapping_where_another_states_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FILE.read_text()
    broken = text.replace(
        "indoor:\n  data:\n    augment: {extends: augmentations.rooms}",
        "indoor:\n  data: nomapping",
    )
    assert broken != text
    (tmp_path / "params.yaml").write_text(broken)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main("depth_anywhere", ["fit", "--section", "depth_anywhere_teacher"])
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "indoor.data: got 'nomapping', expected a mapping" in said[0]
