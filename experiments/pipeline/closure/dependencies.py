"""What dvc.yaml lists as code against what the stages run: written, or compared."""

from pathlib import Path

from experiments.pipeline.closure import dvc_yaml
from experiments.pipeline.closure.imports import Code
from experiments.pipeline.closure.stages import PIPELINE, files_by_stage, values_files


def wanted(root: Path, code: Code | None = None) -> dict[str, list[str]]:
    """Return the paths that each stage has to list, under whichever of the values files.

    Raises:
        PipelineError: A command cannot be followed.
    """
    code = code or Code(root)
    sources = code.files(code.modules)
    behind = files_by_stage(code, values_files(root))
    return {stage: dvc_yaml.collapse(files, sources) for stage, files in behind.items()}


def write(root: Path) -> list[str]:
    """Write the code dependencies of all stages into dvc.yaml; return a line for each that changed.

    Raises:
        PipelineError: A command cannot be followed.
    """
    path, lines = root / PIPELINE, check(root)
    if lines:
        path.write_text(dvc_yaml.written(path.read_text(), wanted(root)))
    return lines


def check(root: Path) -> list[str]:
    """Return a line for each path that a stage of dvc.yaml lacks or has too much.

    Raises:
        PipelineError: A command cannot be followed.
    """
    found = dvc_yaml.listed((root / PIPELINE).read_text())
    lines = []
    for stage, paths in wanted(root).items():
        has = found.get(stage, [])
        lines += [f"{stage}: {path} is missing" for path in paths if path not in has]
        lines += [f"{stage}: {path} is too much" for path in has if path not in paths]
    return lines
