"""Stage: read the layout of a data set and list its panoramas, one manifest per split.

`python -m experiments.prepare.manifests NAME` writes `data/manifests/<name>/<split>.parquet`; paths
in it are relative to the data set's root. `datasets.<name>.dataset` is the data set whose layout
`data/raw/<name>` has where NAME is another (a set rendered in two styles). Beside them
`contents.json` says what lies behind each (see `data_files`): no pixels are read.
`datasets.<name>.options` in params.yaml are the arguments of the data set's reader.
"""

import sys
from pathlib import Path
from typing import Any

import rich
from rich.table import Table

from experiments.pipeline import data_files, held_out, params
from pano_data import datasets
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import manifest_of, write_manifest

RAW = Path("data/raw")
MANIFESTS = Path("data/manifests")


def write_manifests(
    name: str,
    root: Path = RAW,
    out: Path = MANIFESTS,
    dataset: str | None = None,
    **options: Any,
) -> dict[str, int]:
    """Write the manifests of all splits that hold samples; return the number of rows by split.

    Args:
        name: Folder below `root`.
        root: Holds a folder per data set.
        out: The manifests go to a folder of the same name below it.
        dataset: Data set id; `name` if None.
        options: Of the data set's reader.

    Raises:
        DataError: The layout is not that of `name`, or holds no sample at all.
        LeakError: What is to be trained on holds panoramas that a suite scores.
    """
    spec = datasets.get(dataset or name)
    counts, digests = {}, {}
    for split in spec.splits:
        try:
            rows = list(spec.rows(root / name, split, **options))
        except DatasetNotFoundError:
            rows = []  # a data set need not be there with all its splits
        if rows:
            listed = manifest_of(rows)
            held_out.check_manifest(listed, split, f"{root / name}, split {split!r}", root / name)
            (out / name).mkdir(parents=True, exist_ok=True)
            write_manifest(out / name / f"{split}.parquet", rows)
            digests[split] = data_files.digest_rows(rows, root / name)
        counts[split] = len(rows)
    if not any(counts.values()):
        # raises, and says how the data are obtained
        next(spec.rows(root / name, spec.splits[0], **options))
    data_files.write_digests(out / name, digests)
    return counts


def _dataset(name: str) -> str:
    """Return the id under which `datasets.<name>` is read."""
    if "datasets" not in params.read_params():
        return name
    entry = params.section("datasets").get(name)
    return str(entry.get("dataset", name)) if isinstance(entry, dict) else name


def main(name: str) -> int:
    """List the panoramas of the data set `name`, and print their number by split."""
    try:
        options = params.reader_options().get(name, {})
        counts = write_manifests(name, dataset=_dataset(name), **options)
    except (DataError, params.ParamsError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    table = Table("data set", *counts)
    table.add_row(name, *(str(n) for n in counts.values()))
    rich.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
