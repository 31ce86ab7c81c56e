"""Which stages run after an edit: read from dvc.yaml, and from the digest that names a training."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from experiments.pipeline.closure import dvc_yaml
from experiments.pipeline.closure.digest import files_digest
from experiments.pipeline.closure.imports import Code
from experiments.pipeline.closure.stages import PIPELINE

KINDS = {
    "decode": "pano_data.decode",
    "resize": "pano_geometry.resize",
    "sampler": "pano_data.sampler",
    "a loss": "pano_losses.GramMatrixLoss",
    "a network": "pano_models.HoHoNet",
    "the UI": "experiments.tracking.ui",
    "worlds": "pano_worlds.World",
}
OTHERS = {
    "a test": "tests/experiments/pipeline/closure/test_imports.py",
    "a doc": "docs/conventions.md",
}
STATEMENT = "\nEDITED = True\n"
COMMENT = "\n# edited\n"


def edits(root: Path) -> dict[str, tuple[Path, str]]:
    """Return ten typical edits: name -> file and what is added to it."""
    code = Code(root)
    found = {kind: _file(code, name) for kind, name in KINDS.items()}
    found |= {kind: Path(path) for kind, path in OTHERS.items()}
    added = {kind: (path, STATEMENT) for kind, path in found.items()}
    return {**added, "a comment (in decode)": (found["decode"], COMMENT)}


def _file(code: Code, name: str) -> Path:
    """Return the file of a module, or that in which something a package offers is defined."""
    package, _, attribute = name.rpartition(".")
    names = {name}
    if name not in code.modules and package in code.modules:
        imported = code.references(package).names
        names |= {full for full in imported if full.rpartition(".")[2] == attribute}
    modules = {module for full in names for module in code.resolve(full)}
    deepest = max(modules, key=lambda module: module.count("."), default="")
    if "." not in deepest:
        raise KeyError(f"got {name!r}, expected a module: name the one that does this now")
    return code.modules[deepest].relative_to(code.root)


def stages_with(file: Path, listed: Mapping[str, list[str]]) -> list[str]:
    """Return the stages that list a file, or a folder above it."""
    names = {path.as_posix() for path in (file, *file.parents)}
    return [stage for stage, paths in listed.items() if names & set(paths)]


def changes_digest(root: Path, file: Path, added: str) -> bool:
    """Tell whether text at the end of a file changes the digest of the code that holds it."""
    with tempfile.TemporaryDirectory() as folder:
        digests = []
        for name, text in (("before", ""), ("after", added)):
            copy = Path(folder) / name / file.name
            copy.parent.mkdir()
            copy.write_text((root / file).read_text() + text)
            digests.append(files_digest(copy.parent, [Path(file.name)]))
    return digests[0] != digests[1]


def table(root: Path) -> str:
    """Return a Markdown table: edit, file, stages that run, whether trainings start afresh."""
    listed = dvc_yaml.read_code((root / PIPELINE).read_text())
    lines = ["| edit | file | stages that run | trainings |", "| --- | --- | --- | --- |"]
    for kind, (file, added) in edits(root).items():
        stages = stages_with(file, listed)
        shown = "all" if len(stages) == len(listed) else ", ".join(stages) or "none"
        trains = any(stage.startswith("train_") for stage in stages)
        anew = "start afresh" if changes_digest(root, file, added) else "are found finished"
        lines.append(f"| {kind} | `{file.name}` | {shown} | {anew if trains else '-'} |")
    return "\n".join(lines) + "\n"
