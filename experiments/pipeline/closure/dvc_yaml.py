"""The code dependencies in dvc.yaml: written, or compared with what the stages run.

One block a stage, as few lines as directories allow. From them and from the digest that names a
training follows which stages run after an edit (`table`).
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from experiments.pipeline.closure.digest import files_digest
from experiments.pipeline.closure.imports import BOX, Code
from experiments.pipeline.closure.stages import PIPELINE, files_by_stage, values_files

HEAD = "# code (`make deps`)"
_STAGE = re.compile(r"  (\w+):\s*$")
_DEPS = re.compile(r"( +)deps:\s*$")
# The weights in the box are data: a stage that reads them lists them by hand.
_CODE = re.compile(rf"\s*- (?!{BOX})(packages|experiments)/")
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
PAGE = Path("docs/adr/0003-code-behind-a-number.md")
"""Shows the table of edits, between two marks."""
_TABLE = re.compile(r"(?<=<!-- begin edits -->\n).*?(?=<!-- end edits -->)", re.DOTALL)


def collapse(files: Iterable[Path], sources: Iterable[Path]) -> list[str]:
    """Name files by the folders that hold nothing else.

    Args:
        files: What is to be named, below the root.
        sources: All files that count: a package is named where each of its own is in `files`.

    Returns:
        Paths of folders and files, sorted.
    """
    wanted, sources = set(files), set(sources)
    packages = {path.parent for path in sources if path.name == "__init__.py"}
    mixed = {folder for path in sources - wanted for folder in path.parents}
    named = set()
    for path in wanted:
        whole = [folder for folder in path.parents if folder in packages - mixed]
        named.add((whole[-1] if whole else path).as_posix())
    return sorted(named)


def replace_code(text: str, code: Mapping[str, Iterable[str]]) -> str:
    """Return dvc.yaml with the code dependencies of each stage replaced.

    Args:
        text: dvc.yaml.
        code: Stage -> paths; a stage that is not named stays as it is.
    """
    lines = list(_replaced(text.splitlines(), code))
    return "\n".join(lines) + "\n"


def _replaced(lines: Iterable[str], code: Mapping[str, Iterable[str]]) -> Iterator[str]:
    stage, block, indent = "", False, ""
    for line in lines:
        if block and not line.startswith(f"{indent}  "):
            yield from _block(indent, code[stage])
            block = False
        if match := _STAGE.match(line):
            stage = match[1]
        if match := _DEPS.match(line):
            block, indent = stage in code, match[1]
        if not (block and (_CODE.match(line) or line.strip() == HEAD)):
            yield line
    if block:
        yield from _block(indent, code[stage])


def _block(indent: str, paths: Iterable[str]) -> list[str]:
    return [f"{indent}  {HEAD}", *(f"{indent}  - {path}" for path in paths)]


def read_code(text: str) -> dict[str, list[str]]:
    """Return the code dependencies that dvc.yaml lists, by stage."""
    stage = ""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := _STAGE.match(line):
            stage = match[1]
        elif _CODE.match(line):
            found.setdefault(stage, []).append(line.split("- ", 1)[1].strip())
    return found


def find_code(root: Path, code: Code | None = None) -> dict[str, list[str]]:
    """Return the paths that each stage has to list, under whichever of the values files.

    Raises:
        PipelineError: A command cannot be followed.
    """
    code = code or Code(root)
    sources = code.files(code.modules)
    behind = files_by_stage(code, values_files(root))
    return {stage: collapse(files, sources) for stage, files in behind.items()}


def write(root: Path) -> list[str]:
    """Write the code dependencies of all stages into dvc.yaml; return a line for each that changed.

    Raises:
        PipelineError: A command cannot be followed.
    """
    path, lines = root / PIPELINE, check(root)
    if lines:
        path.write_text(replace_code(path.read_text(), find_code(root)))
    return lines


def check(root: Path) -> list[str]:
    """Return a line for each path that a stage of dvc.yaml lacks or has too much.

    Raises:
        PipelineError: A command cannot be followed.
    """
    found = read_code((root / PIPELINE).read_text())
    lines = []
    for stage, paths in find_code(root).items():
        has = found.get(stage, [])
        lines += [f"{stage}: {path} is missing" for path in paths if path not in has]
        lines += [f"{stage}: {path} is too much" for path in has if path not in paths]
    return lines


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
    listed = read_code((root / PIPELINE).read_text())
    lines = ["| edit | file | stages that run | trainings |", "| --- | --- | --- | --- |"]
    for kind, (file, added) in edits(root).items():
        stages = stages_with(file, listed)
        shown = _shown(stages, list(listed))
        trains = any(stage.startswith("train_") for stage in stages)
        anew = "start afresh" if changes_digest(root, file, added) else "are found finished"
        lines.append(f"| {kind} | `{file.name}` | {shown} | {anew if trains else '-'} |")
    return "\n".join(lines) + "\n"


def _shown(stages: Sequence[str], every: Sequence[str]) -> str:
    rest = [stage for stage in every if stage not in stages]
    if len(stages) <= len(rest):
        return ", ".join(stages) or "none"
    return f"all but {', '.join(rest)}" if rest else "all"


def with_table(page: str, root: Path) -> str:
    """Return the text of a page with the table of edits that is true now between its marks."""
    return _TABLE.sub(lambda _: table(root), page)
