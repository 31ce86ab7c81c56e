"""`python -m experiments.pipeline.names [FILE]`: what of a values file no signature checks.

Every stage holds its own section against signatures. What stands outside of them is checked here,
before any stage runs (`scripts/repro.sh` does it): the loops of `pipeline` and the sections that
they name, the entries of `datasets` and the options of their readers. A mistake is one line that
names the key (exit code 2).

Some names are chosen by whoever writes them: a set under `data.train`, a term of a loss. They label
a curve, and none is refused. One that is a slip of the pen away from a name that is known gets a
line too, and the pipeline goes on.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.pipeline import params
from experiments.pipeline.closure.stages import PIPELINE, Command, commands
from experiments.pipeline.overlay import ALTERNATIVES, alternatives, with_alternatives
from pano_data import DataError, DatasetSpec, UnknownDatasetError, datasets
from pano_data.datasets.spec import check_options
from pano_geometry.spelling import find_meant

LOOPS = "pipeline"
SETS = ("train", "unlabelled", "val", "test", "datasets")
"""Mappings whose keys are names of data sets, wherever they stand in a section."""
TERMS = "terms"
ENTRY = {"dataset", "options", "variants"}
"""What an entry of `datasets` states beside manifests."""
CLASS: dict[str, tuple[Any, str]] = {"class_path": (str, "the path of a class"),
         "init_args": (Mapping, "a mapping of its arguments")}  # fmt: skip
_FILLED_IN = re.compile(r"\$\{([\w.]+)\}")
ALIKE = 0.87
"""Share of letters in common from which a key may be another, misspelt: many differ by a word."""
EXIT_USAGE = 2


def wrong(root: Path, sections: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each mistake that no stage would tell.

    Args:
        root: Of the clone, for its dvc.yaml.
        sections: As `params.read_params` gives them.
    """
    yield from list(_wrong_loops(root, sections)) or _wrong_sections(root, sections)
    yield from _wrong_entries(sections)
    for name, section in sections.items():
        yield from _wrong_classes(section, str(name))


def _wrong_loops(root: Path, sections: Mapping[str, Any]) -> Iterator[str]:
    """Check that `pipeline` has what dvc.yaml takes from it, and nothing else."""
    text = (root / PIPELINE).read_text()
    taken = {place for place in _FILLED_IN.findall(text) if place.startswith(f"{LOOPS}.")}
    looped = set(re.findall(r"foreach: \$\{(\w+\.\w+)\}", text))
    loops = sections.get(LOOPS)
    if not isinstance(loops, Mapping):
        yield f"{LOOPS}: got {loops!r}, expected a mapping: {PIPELINE} loops over its lists"
        return
    for place in sorted(taken):
        key = place.partition(".")[2]
        value = loops.get(key)
        if key not in loops:
            yield f"{place}: not there, and {PIPELINE} reads it{_meant(key, set(loops))}"
        elif place in looped and not _is_names(value):
            yield f"{place}: got {value!r}, expected a list of names"
        elif place not in looped and not isinstance(value, str):
            yield f"{place}: got {value!r}, expected a name"
    known = {place.partition(".")[2] for place in taken} | {ALTERNATIVES}
    for key in sorted(map(str, set(loops) - known)):
        yield f"{LOOPS}.{key}: no such key, expected one of {', '.join(sorted(known))}"
    try:
        with_alternatives(sections, alternatives(sections))
    except (params.ParamsError, AttributeError, TypeError) as error:
        told = str(error) if isinstance(error, params.ParamsError) else "expected loops and names"
        yield f"{LOOPS}.{ALTERNATIVES}: {told}"


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _wrong_sections(root: Path, sections: Mapping[str, Any]) -> Iterator[str]:
    """Check that every section exists that a stage reads, with all alternatives."""
    worlds = sections.get("worlds")
    if not isinstance(worlds, Mapping):
        yield f"worlds: got {worlds!r}, expected a mapping of data sets, {{}} for none"
        return
    for name, settings in worlds.items():
        if not isinstance(settings, Mapping):
            yield f"worlds.{name}: got {settings!r}, expected a mapping"
        elif settings.get("dataset", name) not in datasets.names():
            layouts = ", ".join(datasets.names())
            yield f"worlds.{name}.dataset: got {settings.get('dataset', name)!r}, not of {layouts}"
    every = with_alternatives(sections, alternatives(sections))
    for command in commands(root, every):
        for place in command.sections:
            if _node(sections, place) is not None:
                continue
            known = _known_beside(sections, place)
            yield f"{_asked_by(command, place)}{_meant(place.rpartition('.')[2], known)}"


def _node(sections: Mapping[str, Any], place: str) -> Any:
    node: Any = sections
    for key in place.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _known_beside(sections: Mapping[str, Any], place: str) -> Collection[str]:
    above = place.rpartition(".")[0]
    node = _node(sections, above) if above else sections
    return set(map(str, node)) if isinstance(node, Mapping) else set()


def _asked_by(command: Command, place: str) -> str:
    item = f"@{command.item}, which a list of `pipeline` asks for," if command.item else ""
    return f"{place}: not there, and stage {command.stage}{item} reads it"


def _wrong_entries(sections: Mapping[str, Any]) -> Iterator[str]:
    """Check every entry of `datasets`: its layout, its options, and what else it holds."""
    try:
        entries = params.resolved(sections, params.DATASETS)
    except params.ParamsError as error:
        yield str(error)
        return
    for name, entry in entries.items():
        place = f"{params.DATASETS}.{name}"
        if not isinstance(entry, Mapping):
            yield f"{place}: got {entry!r}, expected a mapping"
            continue
        layout = entry.get("dataset", name)
        try:
            spec = datasets.get(layout)
        except (UnknownDatasetError, TypeError):
            key = f"{place}.dataset" if "dataset" in entry else place
            yield f"{key}: got {layout!r}, expected one of {', '.join(datasets.names())}"
            continue
        yield from _wrong_options(place, entry, spec)
        yield from _wrong_manifests(place, entry)


def _wrong_options(place: str, entry: Mapping[str, Any], spec: DatasetSpec) -> Iterator[str]:
    variants = entry.get("variants") or {}
    if not isinstance(variants, Mapping):
        yield f"{place}.variants: got {variants!r}, expected a mapping of options"
        variants = {}
    stated = {"options": entry.get("options"), **{f"variants.{k}": v for k, v in variants.items()}}
    for key, given in stated.items():
        if not isinstance(given, Mapping | None):
            yield f"{place}.{key}: got {given!r}, expected a mapping"
            continue
        try:
            check_options(spec.name, spec.options, given or {})
        except DataError as error:
            yield f"{place}.{key}: {error}"


def _wrong_manifests(place: str, entry: Mapping[str, Any]) -> Iterator[str]:
    for key, source in entry.items():
        if key in ENTRY:
            continue
        for part in ("manifest", "root"):
            if not isinstance(source, Mapping) or not isinstance(source.get(part), str):
                told = f"no such key{_meant(str(key), ENTRY)}; beside {', '.join(sorted(ENTRY))}"
                yield f"{place}.{key}: {told} each holds `manifest` and `root`, {part} is missing"
                break


def _wrong_classes(node: Any, at: str) -> Iterator[str]:
    """Check that a class is named by a text, and its arguments are a mapping."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _wrong_classes(item, f"{at}.{number}")
    elif isinstance(node, Mapping):
        for key, (kind, told) in CLASS.items():
            if "class_path" in node and key in node and not isinstance(node[key], kind):
                yield f"{at}.{key}: got {node[key]!r}, expected {told}"
        for key, value in node.items():
            yield from _wrong_classes(value, f"{at}.{key}")


def unusual(sections: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each chosen name that is a slip away from a known one.

    Sets are known by their entry in `datasets`; terms of losses by being used elsewhere, at least
    as often, and never beside the name itself.
    """
    known = set(map(str, sections.get(params.DATASETS) or {}))
    for place, name, _ in _chosen(sections, SETS):
        if name not in known and (close := _close(name, known)):
            yield f"{place}.{name}: a name of its own; if {close} is meant, write that"
    terms = list(_chosen(sections, (TERMS,)))
    counts = Counter(name for _, name, _ in terms)
    for place, name, beside in terms:
        others = {o for o in counts if counts[o] >= counts[name] and o not in beside}
        if close := _close(name, others):
            yield f"{place}.{name}: a name of its own; if {close} is meant, write that"


def _chosen(
    node: Any, keys: Collection[str], at: str = ""
) -> Iterator[tuple[str, str, Collection[str]]]:
    """Yield place and name of every key of the mappings that some keys hold, and all beside it."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _chosen(item, keys, f"{at}.{number}")
    elif isinstance(node, Mapping):
        for key, value in node.items():
            place = f"{at}.{key}" if at else str(key)
            if key in keys and at and isinstance(value, Mapping):
                names = [str(name) for name in value if name != params.EXTENDS]
                yield from ((place, name, names) for name in names)
            yield from _chosen(value, keys, place)


def _meant(name: str, known: Collection[str]) -> str:
    """Return a question that names the known name a slip away, if there is one."""
    close = _close(name, known)
    return f"; is {close} meant?" if close else ""


def _close(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is spelled most like another one, if one is like it at all."""
    return find_meant(name, set(known) - {name}, ALIKE)


def main(argv: list[str] | None = None) -> int:
    """Check a values file; 0, or 2 if something in it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m experiments.pipeline.names")
    parser.add_argument("file", nargs="?", type=Path, default=params.PARAMS_FILE)
    file = parser.parse_args(argv).file
    try:
        sections = params.read_params(file)
        lines = list(wrong(file.absolute().parent, sections))
    except params.ParamsError as error:
        lines = [str(error)]
    if lines:
        more = f"; and {len(lines) - 1} more" if len(lines) > 1 else ""
        sys.stderr.write(f"error in {file}: {lines[0]}{more}\n")
        return EXIT_USAGE
    sys.stderr.writelines(f"note on {file}: {line}\n" for line in unusual(sections))
    return 0


if __name__ == "__main__":
    sys.exit(main())
