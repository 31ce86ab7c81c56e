"""Stage: render worlds into the real layout of a data set, under `data/raw/<name>`.

`python -m experiments.prepare.worlds NAME` takes its settings from `worlds: NAME:`; `dataset` is
the data set whose layout it has where NAME is another, for a set in two styles. A data set that the
user has goes to the same place; take its name out of `worlds` in params.yaml then, and the pipeline
reads the real tree with the same reader.
"""

import experiments.prepare.common_instructions  # noqa: F401  before NumPy and torch

# isort: split
import os
import sys
from argparse import ArgumentError
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from experiments.pipeline import config_errors, params
from experiments.pipeline.run_folder import RunFolderError, replace_whole_folder
from pano_data import DataError, datasets, workers

RAW = Path("data/raw")
MARKER = ".rendered-by-panodepth"


class RealDataError(RuntimeError):
    """A tree that this pipeline did not make stands where worlds would be rendered."""


def render(name: str, root: Path = RAW, dataset: str | None = None, **settings: Any) -> Path:
    """Render a miniature.

    Args:
        name: Folder below `root`.
        root: Holds a folder per data set.
        dataset: Data set id; `name` if None.
        settings: Those of `pano_worlds.miniatures.write`.

    Raises:
        RealDataError: `root/name` holds files that were not rendered by this stage.
        RunFolderError: Another process renders it.
    """
    workers.start_server(["pano_worlds.miniatures.studios"])  # its import of torch runs beside ours
    from pano_worlds import miniatures

    target = root / name
    if target.exists() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise RealDataError(
            f"{target} holds files that this pipeline did not render, and they would be lost; "
            f"take {name!r} out of `worlds` in params.yaml to use them"
        )
    cores = os.cpu_count() or 1
    with replace_whole_folder(target) as part:
        miniatures.write(dataset or name, part, workers=cores, progress=True, **settings)
        os.sync()  # writers of single pictures do not wait for the disk
        (part / MARKER).touch()
    return target


def settings_of(name: str) -> dict[str, Any]:
    """Return the settings under `worlds: NAME:`.

    Raises:
        ParamsError: There are none, or one is not what `pano_worlds.miniatures.write` takes.
    """
    from pano_worlds import miniatures

    worlds = params.section("worlds")
    if name not in worlds:
        raise params.ParamsError(
            f"got worlds.{name}, expected one of {sorted(worlds)} in params.yaml"
        )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_function_arguments(
        miniatures.write, skip={"name", "root", "studio", "workers", "progress"}
    )
    stated = {key: value for key, value in worlds[name].items() if key != "dataset"}
    try:
        parser.parse_object(stated)
    except ArgumentError as error:
        told = config_errors.one_line(str(error))
        raise params.ParamsError(f"worlds.{name} in params.yaml: {told}") from error
    found: dict[str, Any] = worlds[name]
    splits = datasets.get(found.get("dataset", name)).splits
    unknown = sorted(set(found.get("scenes") or {}) - set(splits))
    if unknown:
        raise params.ParamsError(
            f"worlds.{name}.scenes in params.yaml: got {unknown}, expected splits of {splits}"
        )
    return found


def main(name: str) -> int:
    """Render the data set `name` with the settings under `worlds: NAME:`."""
    try:
        render(name, **settings_of(name))
    except (RealDataError, RunFolderError, DataError, params.ParamsError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
