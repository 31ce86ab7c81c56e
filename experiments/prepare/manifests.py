"""Stage: read the layout of a data set and list its panoramas, one manifest per split.

`python -m experiments.prepare.manifests NAME` writes `data/manifests/<name>/<split>.parquet`; paths
in it are relative to the data set's root. `datasets.<name>.dataset` is the data set whose layout
`data/raw/<name>` has where NAME is another (a set rendered in two styles). Beside them
`contents.json` says what lies behind each (see `data_files`): no pixels are read.
`datasets.<name>.options` in params.yaml are the arguments of the data set's reader. Each of
`datasets.<name>.variants` is a second choice of them, with manifests of its own beside the others:
`variants: {all_furniture: {furniture: [empty, simple, full]}}` adds `train_all_furniture.parquet`.
"""

import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import rich
from rich.table import Table

from experiments.pipeline import data_files, held_out, params
from pano_data import DataError, DatasetNotFoundError, datasets, manifest_of, write_manifest

RAW = Path("data/raw")
MANIFESTS = Path("data/manifests")


def write_manifests(
    name: str,
    root: Path = RAW,
    out: Path = MANIFESTS,
    dataset: str | None = None,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> dict[str, int]:
    """Write the manifests of all splits that hold samples; return the number of rows by manifest.

    Args:
        name: Folder below `root`.
        root: Holds a folder per data set.
        out: The manifests go to a folder of the same name below it.
        dataset: Data set id; `name` if None.
        variants: Name -> options of the reader, over `options`; `<split>_<name>.parquet` each.
        options: Of the data set's reader.

    Raises:
        DataError: The layout is not that of `name`, or holds no sample at all.
        LeakError: What is to be trained on holds panoramas that a suite scores.
    """
    spec = datasets.get(dataset or name)
    counts, digests = {}, {}
    chosen = {"": {}, **{f"_{variant}": given for variant, given in (variants or {}).items()}}
    for split, (suffix, given) in product(spec.splits, chosen.items()):
        try:
            rows = list(spec.rows(root / name, split, **{**options, **given}))
        except DatasetNotFoundError:
            rows = []  # a data set need not be there with all its splits
        manifest = split + suffix
        if rows:
            listed = manifest_of(rows)
            held_out.check_manifest(listed, split, f"{root / name}, split {split!r}", root / name)
            (out / name).mkdir(parents=True, exist_ok=True)
            write_manifest(out / name / f"{manifest}.parquet", rows)
            digests[manifest] = data_files.digest_rows(rows, root / name)
        counts[manifest] = len(rows)
    if not any(counts.values()):
        # raises, and says how the data are obtained
        next(spec.rows(root / name, spec.splits[0], **options))
    data_files.write_digests(out / name, digests)
    return counts


def _entry(name: str) -> dict[str, Any]:
    """Return `datasets.<name>`; empty where nothing is said of it."""
    if "datasets" not in params.read_params():
        return {}
    entry = params.section("datasets").get(name)
    return entry if isinstance(entry, dict) else {}


def main(name: str) -> int:
    """List the panoramas of the data set `name`, and print their number by split."""
    try:
        entry, options = _entry(name), params.reader_options().get(name, {})
        counts = write_manifests(
            name, dataset=entry.get("dataset"), variants=entry.get("variants"), **options
        )
    except (DataError, params.ParamsError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    table = Table("data set", *counts)
    table.add_row(name, *(str(n) for n in counts.values()))
    rich.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
