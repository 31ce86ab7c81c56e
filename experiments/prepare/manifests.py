"""Stage: read the layout of a data set and list its panoramas, one manifest per split.

`python -m experiments.prepare.manifests NAME` writes `data/manifests/<name>/<split>.parquet`; paths
in it are relative to the data set's root. Beside them `contents.json` says what lies behind each
(see `contents`): no pixels are read.
"""

import sys
from pathlib import Path

import rich
from rich.table import Table

from experiments.pipeline import contents
from pano_data import datasets
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import write_manifest

RAW = Path("data/raw")
MANIFESTS = Path("data/manifests")


def write_manifests(name: str, root: Path = RAW, out: Path = MANIFESTS) -> dict[str, int]:
    """Write the manifests of all splits that hold samples; return the number of rows by split.

    Raises:
        DataError: The layout is not that of `name`, or holds no sample at all.
    """
    spec = datasets.get(name)
    counts, digests = {}, {}
    for split in spec.splits:
        try:
            rows = list(spec.rows(root / name, split))
        except DatasetNotFoundError:
            rows = []  # a data set need not be there with all its splits
        if rows:
            (out / name).mkdir(parents=True, exist_ok=True)
            write_manifest(out / name / f"{split}.parquet", rows)
            digests[split] = contents.digest(rows, root / name)
        counts[split] = len(rows)
    if not any(counts.values()):
        next(spec.rows(root / name, spec.splits[0]))  # raises, and says how the data are obtained
    contents.note(out / name, digests)
    return counts


def main(name: str) -> int:
    """List the panoramas of the data set `name`, and print their number by split."""
    try:
        counts = write_manifests(name)
    except DataError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    table = Table("data set", *counts)
    table.add_row(name, *(str(n) for n in counts.values()))
    rich.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
