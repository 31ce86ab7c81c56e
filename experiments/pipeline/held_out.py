"""What the suites score, and the refusal to train on any of it.

A panorama is known by its scene, not by its file: a test house of Matterport3D is one in UniFuse's
stitch, in Pano3D's renders and in the raw capture. A section that trains on a test set by intent
(Depth Anywhere's "-all" rows) names the suites under `seen_suites`; the run keeps the list, and no
row of these suites is made of it.

What such a model has seen is seen by whatever learns from it: by a training that starts from it, by
one with it as a teacher, and by one on its labels, whose rows carry the suites in `provenance`.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from experiments.pipeline.params import ParamsError
from pano_data import Manifest, read_manifest
from pano_data.splits import matterport3d

SCORED: dict[str, tuple[tuple[str, str], ...]] = {
    "da2_table1": (
        ("stanford2d3d", "all"), ("matterport3d_unifuse", "test"), ("panosuncg", "test"),
    ),
    "dap_table3": (("stanford2d3d", "test"), ("matterport3d_pano3d", "test"), ("deep360", "test")),
    "dap_test": (("dap_test", "test"),),
    "depth_anywhere_table2": (("matterport3d_unifuse", "test"),),
    "depth_anywhere_table3": (("stanford2d3d", "test"),),
    "depth_anywhere_table4": (("structured3d", "test"),),
    "depth_anywhere_table5": (("stanford2d3d", "test"),),
    "structured3d": (("structured3d", "test"),),
}  # fmt: skip
"""Suite -> its data sets and splits; a test holds it to the catalogue of the suites."""

MATTERPORT3D = (
    "matterport3d_unifuse", "matterport3d_pano3d", "matterport3d_bifuse", "matterport3d_raw",
)  # fmt: skip
PACKAGES = {
    "da2_eval_stanford2d3d": "stanford2d3d", "da2_eval_matterport3d": "matterport3d_unifuse",
    "da2_eval_panosuncg": "panosuncg",
}  # fmt: skip
"""DA²'s evaluation packages, by the set that they are made of."""
# Facts of the readers, said again: a training must not run anew because a reader changed.
TEST_AREAS = ("5a", "5b")
"""Of Stanford2D3D, fold 1."""
FIRST_TEST_SCENE = 3250
"""Of Structured3D; all later ones are test scenes too."""
TEST_LISTS = ("instadata_list_test.txt", "datasets/instadata_list_test.txt")
"""Where the list of DAP-Test may lie in the tree of DAP-2M."""
RENDERED = ".rendered-by-panodepth"
"""Marks a tree that was rendered: no picture of a test set is in it."""
_AREA = re.compile(r"(?:^|/)area_?(\d[ab]?)(?:/|$)")
_ROOM = re.compile(r"(?:^|/)scene_(\d{5})(?:/|$)")
_SHOWN = 3
_SEEN = re.compile(r"(?:^| )seen:([\w,]+)")
MODELS = ("init_from", "labeler")
"""Arguments of a task that name a trained model; a teacher has its own."""


class LeakError(ParamsError):
    """A training, or its manifest, holds panoramas that a suite scores."""


@cache
def tests_of(dataset: str, scene: str, split: str) -> frozenset[tuple[str, str]]:
    """Return the test sets, as (data set, split) of `SCORED`, that a scene belongs to.

    Args:
        dataset: Data set id of the row.
        scene: Its scene.
        split: Its split, which alone tells where scenes are not named by the split's rule.
    """
    found: set[tuple[str, str]] = set()
    dataset = PACKAGES.get(dataset, dataset)
    if dataset in MATTERPORT3D or (dataset == "threed60" and scene.startswith("Matterport")):
        # 3D60 names no houses: none of its Matterport3D pictures can be told from a test house.
        if dataset == "threed60" or scene.split("/")[0] in matterport3d("test"):
            found |= {("matterport3d_unifuse", "test"), ("matterport3d_pano3d", "test")}
    elif dataset in ("stanford2d3d", "threed60"):
        area = _AREA.search(scene)
        if area or dataset != "threed60":
            found.add(("stanford2d3d", "all"))
        # "area5" of 3D60 is 5a and 5b
        if area and any(name.startswith(area[1]) for name in TEST_AREAS):
            found.add(("stanford2d3d", "test"))
    elif dataset == "structured3d":
        room = _ROOM.search(scene)
        if room is None or int(room[1]) >= FIRST_TEST_SCENE:
            found.add(("structured3d", "test"))
    elif dataset in ("panosuncg", "deep360", "dap_test") and split not in ("train", "val"):
        found.add((dataset, "test"))
    return frozenset(found)


def suites_of(tests: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Return the suites that score any of these test sets, in the order of `SCORED`."""
    return tuple(suite for suite, parts in SCORED.items() if set(parts) & set(tests))


def leaked(rows: Manifest, root: Path | None = None) -> dict[tuple[str, str], list[str]]:
    """Return the keys of the rows that belong to a test set, by test set.

    Args:
        rows: Of a manifest, labelled or not.
        root: Root of their paths: DAP-Test is known by the list that lies there.
    """
    found: dict[tuple[str, str], list[str]] = {}
    table = rows.table.select(["dataset", "scene", "split"])
    for kind in table.group_by(table.schema.names).aggregate([]).to_pylist():
        for test in tests_of(kind["dataset"], kind["scene"], kind["split"]):
            held = [pc.equal(rows.table[name], pa.scalar(kind[name])) for name in kind]
            mask = pc.and_(pc.and_(held[0], held[1]), held[2])
            found.setdefault(test, []).extend(rows.table["key"].filter(mask).to_pylist())
    listed = _dap_test(root)
    if listed:
        drawn = rows.filter(dataset="dap2m_labelled").table
        pairs = zip(drawn["key"].to_pylist(), drawn["image"].to_pylist(), strict=True)
        keys = [key for key, image in pairs if _below_batch(image) in listed]
        if keys:
            found.setdefault(("dap_test", "test"), []).extend(keys)
    return {test: sorted(keys) for test, keys in found.items()}


def _dap_test(root: Path | None) -> frozenset[str]:
    for place in [] if root is None else [root / name for name in TEST_LISTS]:
        if place.is_file():
            lines = (line.split() for line in place.read_text().splitlines())
            return frozenset(_below_batch(words[0]) for words in lines if words)
    return frozenset()


def _below_batch(image: str) -> str:
    return image[max(image.find("raw_data_"), 0) :]


def leaked_keys(keys: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return the keys of shards that name a test scene: a record of a shard has no more."""
    found: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        house = key.split("/")[0]
        named = ("structured3d", _ROOM), ("stanford2d3d", _AREA)
        kinds = [name for name, pattern in named if pattern.search(key)]
        if house in matterport3d("test"):
            kinds.append(MATTERPORT3D[0])
        for test in {test for kind in kinds for test in tests_of(kind, key, "")}:
            found.setdefault(test, []).append(key)
    return found


def check_manifest(rows: Manifest, split: str, what: str, root: Path) -> None:
    """Refuse a manifest to train on that holds panoramas of a test split.

    Sets that a suite scores whole (Stanford2D3D for DA²) are a matter of the training.

    Raises:
        LeakError: Names suites and keys; or DAP-2M lies there without the list of DAP-Test.
    """
    if split not in ("train", "val", "unlabelled"):
        return
    listed = any((root / place).is_file() for place in TEST_LISTS)
    if not (listed or (root / RENDERED).is_file()) and len(rows.filter(dataset="dap2m_labelled")):
        raise LeakError(
            f"{what}: got no {TEST_LISTS[0]}, so what is of DAP-Test cannot be told from what is "
            "to be trained on; copy the list of DAP's code there"
        )
    found = {test: keys for test, keys in leaked(rows, root).items() if test[1] != "all"}
    if found:
        raise LeakError(f"{what}: {_told(found)}; expected none: look at the split of the tree")


def check_training(resolved: Mapping[str, Any]) -> None:
    """Refuse a training that holds what a suite scores, unless `seen_suites` says so.

    Args:
        resolved: Configuration of the run.

    Raises:
        LeakError: Names the set, the suites and some of the keys.
    """
    allowed = set(resolved.get("seen_suites") or ())
    unknown = sorted(allowed - set(SCORED))
    if unknown:
        raise LeakError(f"seen_suites: got {unknown}, expected some of {', '.join(SCORED)}")
    for place, found in _found_in(resolved["data"]):
        refused = {t: keys for t, keys in found.items() if set(suites_of([t])) - allowed}
        if refused:
            missing = [s for s in suites_of(found) if s not in allowed]
            raise LeakError(
                f"{place}: {_told(refused)}; expected none: take the set out, or state "
                f"`seen_suites: [{', '.join(missing)}]`, which keeps the model out of these suites"
            )
    for place, source in _learned_from(resolved):
        inherited = sorted(set(source.seen) - allowed)
        if inherited:
            raise LeakError(
                f"{place}: {source.name} has seen the test sets of {', '.join(inherited)}; "
                "state them under `seen_suites` too"
            )


class _Learned(NamedTuple):
    """A model that a training learns from, and the suites whose test sets it has seen."""

    name: str
    seen: tuple[str, ...]


def _learned_from(resolved: Mapping[str, Any]) -> Iterator[tuple[str, _Learned]]:
    arguments = (resolved.get("model") or {}).get("init_args", {})
    named = {key: arguments.get(key) for key in MODELS}
    teacher = (arguments.get("teacher") or {}).get("init_args", {}).get("model")
    for key, model in {**named, "teacher.init_args.model": teacher}.items():
        if model:
            yield f"model.init_args.{key}", _Learned(str(model), seen_suites(model))
    for place, manifest, _ in _manifests(resolved["data"]):
        labelled = manifest.filter(label="pseudo").table["provenance"].unique().to_pylist()
        for provenance in labelled:
            seen = _SEEN.search(provenance)
            if seen:
                maker = f"{provenance.split(' ')[0]}, which made its labels,"
                yield place, _Learned(maker, tuple(seen[1].split(",")))


def seen_note(model: Path | str) -> str:
    """Return what the `provenance` of a model's labels says of the suites it has seen, or ""."""
    seen = seen_suites(model)
    return f" seen:{','.join(seen)}" if seen else ""


def _found_in(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[tuple[str, str], list[str]]]]:
    for place, manifest, root in _manifests(data):
        yield place, leaked(manifest, root)
    for place, given in _drawn(data):
        shards = given.get("shards")
        if shards is not None and (Path(shards) / "keys.json").is_file():
            yield place, leaked_keys(json.loads((Path(shards) / "keys.json").read_text()))


def _manifests(data: Mapping[str, Any]) -> Iterator[tuple[str, Manifest, Path | None]]:
    for place, given in _drawn(data):
        manifest = given.get("manifest")
        if manifest is not None and Path(manifest).is_file():
            root = Path(given["root"]) if given.get("root") else None
            yield place, read_manifest(manifest), root


def _drawn(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield place and arguments of each set of a training; without those that are drawn never."""
    for part in ("train", "unlabelled"):
        for name, source in (data.get(part) or {}).items():
            given = source.get("init_args", source) if isinstance(source, Mapping) else {}
            if given.get("weight") != 0:
                yield f"data.{part}.{name}", given


def _told(found: Mapping[tuple[str, str], Sequence[str]]) -> str:
    keys = sorted({key for some in found.values() for key in some})
    more = "" if len(keys) <= _SHOWN else f" and {len(keys) - _SHOWN} more"
    return (
        f"got {len(keys)} panoramas that {', '.join(suites_of(found))} score: "
        f"{', '.join(keys[:_SHOWN])}{more}"
    )


def seen_suites(folder: Path | str) -> tuple[str, ...]:
    """Return the suites that the training of a published folder has seen; none if it says none."""
    config = Path(folder) / "config.yaml"
    if not config.is_file():
        return ()
    written = yaml.safe_load(config.read_text())
    found = written.get("seen_suites") if isinstance(written, Mapping) else None
    return tuple(found or ())
