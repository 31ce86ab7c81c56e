"""Manifests: a parquet file with one row per image, the only thing between readers and loaders."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pano_data.errors import DatasetNotFoundError, ManifestError, brief
from pano_data.io.atomic import replace_file
from pano_data.io.paths import OUTSIDE

Projection = Literal["erp", "pinhole", "cassini"]
Encoding = Literal["png", "png_float16", "exr", "npy", "npz", "hdf5", "none"]
LabelKind = Literal["distance", "z", "disparity", "none"]
Environment = Literal["indoor", "outdoor", "mixed"]
LabelSource = Literal["ground_truth", "measured", "pseudo", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Where one image and its label lie, and how their numbers become metres.

    Attributes:
        key: Unique within the data set, stable over machines.
        dataset: Data set id.
        split: Split of the data set, for example `"train"`.
        scene: What must not be divided between splits: house, sequence, area.
        image: Path of the RGB image relative to the data root, with `/`.
        depth: Path of the label, or None.
        mask: Path of an 8-bit mask (255 = keep), or None.
        projection: Geometry of the image.
        encoding: File format of the label.
        kind: What the label measures: Euclidean distance, z along the axis, or disparity (px).
        units_per_metre: Label values per metre (per unit of length where not `metric`).
        invalid: Label values that mean "no measurement" (NaN always does).
        far: Label values that mean "sky or beyond range", for example `inf` or 65535.
        far_from: From this distance (or z), in metres, a pixel is far; None without a limit.
        invalid_from: From this distance (or z), in metres, a value means "no measurement".
        intrinsics: Row-major 3x3, pixels of the stored image, pixel centres at +0.5
            (`pixel ~ K @ ray`, OpenCV axes); None for panoramas.
        baseline: Metres between the two cameras, for disparity.
        pose: Row-major 4x4 camera-to-world, metres (OpenCV camera axes, y of the world down; see
            `datasets.poses`); None where the layout has none. Shared by one scene only.
        metric: Distances are metres.
        edge_margin: Pixels on either side of a depth edge that are not used.
        faithful: Resample as the release does, quirks included (Cassini maps only).
        environment: Indoor, outdoor or mixed.
        label: Where the label comes from; `measured`: from a device of its own, `pseudo`: from a
            model, either at a size of its own.
        score: Rank score of a pseudo label, or None.
        provenance: Free text: which model wrote a pseudo label, from which run.

    Raises:
        ManifestError: A value that no image has, or values that contradict each other.
    """

    key: str
    dataset: str
    split: str
    scene: str
    image: str
    depth: str | None = None
    mask: str | None = None
    projection: Projection = "erp"
    encoding: Encoding = "none"
    kind: LabelKind = "none"
    units_per_metre: float = 1.0
    invalid: tuple[float, ...] = ()
    far: tuple[float, ...] = ()
    far_from: float | None = None
    invalid_from: float | None = None
    intrinsics: tuple[float, ...] | None = None
    baseline: float | None = None
    pose: tuple[float, ...] | None = None
    metric: bool = True
    edge_margin: int = 0
    faithful: bool = False
    environment: Environment = "indoor"
    label: LabelSource = "none"
    score: float | None = None
    provenance: str = ""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise self._error(f"{name}={brief(getattr(self, name))}, expected one of {allowed}")
        if (self.depth is None) != (self.encoding == "none" or self.kind == "none"):
            raise self._error(
                f"depth={brief(self.depth)} with encoding={self.encoding!r}, "
                f"kind={self.kind!r}; expected a path with both, or none of them"
            )
        for name in _PATHS:
            value = getattr(self, name)
            if value is not None and OUTSIDE.search(value):
                raise self._error(
                    f"{name}={brief(value)}, expected a relative name that stays below its folder"
                )
        self._check_numbers()
        if self.kind in ("z", "disparity") and self.intrinsics is None:
            raise self._error(f"kind={self.kind!r} needs intrinsics")
        if self.kind == "disparity" and not self.baseline:
            raise self._error("disparity needs a positive baseline in metres")

    def _check_numbers(self) -> None:
        for name, count in _MATRICES.items():
            values = getattr(self, name)
            if values is not None and not (len(values) == count and all(map(isfinite, values))):
                raise self._error(
                    f"{name} has {len(values)} numbers, {brief(list(values))}; expected "
                    f"{count} finite ones"
                )
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise self._error(f"{name}={value}, expected a positive, finite number")
        if self.intrinsics is not None and not (self.intrinsics[0] > 0 and self.intrinsics[4] > 0):
            raise self._error(
                f"intrinsics with focal lengths {self.intrinsics[0]} and {self.intrinsics[4]}, "
                "expected positive ones"
            )
        if not 0 <= self.edge_margin <= MAX_EDGE_MARGIN:
            raise self._error(f"edge_margin={self.edge_margin}, expected 0 to {MAX_EDGE_MARGIN}")

    def _error(self, what: str) -> ManifestError:
        return ManifestError(f"row {brief(self.key)}: {what}")


MAX_EDGE_MARGIN = 64
"""Pixels; the memory that a margin takes grows with it."""
_PATHS = ("key", "dataset", "image", "depth", "mask")
_MATRICES = {"intrinsics": 9, "pose": 16}
_POSITIVE = ("units_per_metre", "baseline", "far_from", "invalid_from")
_CHOICES: dict[str, tuple[str, ...]] = {
    name: get_args(of) for name, of in get_type_hints(Row).items() if get_origin(of) is Literal
}
_NUMBERS = ("units_per_metre", "far_from", "invalid_from", "baseline", "score")
_LISTS = ("invalid", "far", "intrinsics", "pose")
_TYPES = {
    **dict.fromkeys(_NUMBERS, pa.float64()),
    **dict.fromkeys(_LISTS, pa.list_(pa.float64())),
    **dict.fromkeys(("metric", "faithful"), pa.bool_()),
    "edge_margin": pa.int64(),
}
"""Columns that are no text."""
_FIELDS = tuple(field.name for field in dataclasses.fields(Row))
_BLOCK = 65536
_SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in _FIELDS])
_ADDED = ("pose",)
"""Columns that manifests of earlier versions lack; they read as None."""


class Manifest(Sequence[Row]):
    """Rows of a manifest, held as one Arrow table (a million rows fit, and forks share them)."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Manifest(self.table.take(list(range(*index.indices(len(self))))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of a manifest of {len(self)}")
        return _row(self.table.slice(index % len(self), 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Row]:
        for batch in self.table.to_batches(max_chunksize=1024):
            yield from map(_row, batch.to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and bool(self.table.equals(other.table))

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 of the rows: equal wherever and with whatever library they were written."""
        sha = hashlib.sha256()
        for name in self.table.schema.names:
            for start in range(0, len(self), _BLOCK):  # so that a large manifest is not copied
                values = self.table[name].slice(start, _BLOCK).to_pylist()
                sha.update(f"{name} {json.dumps(values)}\n".encode())
        return sha.hexdigest()

    def filter(self, **equal: object) -> "Manifest":
        """Keep the rows whose columns equal the given values, for example `split="train"`.

        A tuple, list or set keeps the rows whose column is in it.

        Raises:
            ManifestError: For a column that rows do not have.
        """
        table = self.table
        for name, value in equal.items():
            if name not in _FIELDS:
                raise ManifestError(f"no column {name!r} in a manifest; there are {_FIELDS}")
            wanted = list(value) if isinstance(value, tuple | list | set | frozenset) else [value]
            values = pa.array(wanted, _SCHEMA.field(name).type)
            table = table.filter(pc.is_in(table[name], value_set=values))
        return Manifest(table)


def write_manifest(path: Path | str, rows: Iterable[Row]) -> Manifest:
    """Write rows sorted by (dataset, key): same rows, same bytes; atomic.

    Raises:
        ManifestError: If two rows of a data set share a key.
    """
    manifest = manifest_of(rows)
    with replace_file(Path(path)) as temporary:
        pq.write_table(manifest.table, temporary, compression="zstd", row_group_size=_BLOCK)
    return manifest


def manifest_of(rows: Iterable[Row]) -> Manifest:
    """Sort rows by (dataset, key) and check that the pairs are unique.

    Raises:
        ManifestError: If two rows of a data set share a key.
    """
    ordered = sorted(rows, key=lambda row: (row.dataset, row.key))
    for one, two in itertools.pairwise(ordered):
        if (one.dataset, one.key) == (two.dataset, two.key):
            raise ManifestError(f"two rows of {one.dataset} have the key {one.key!r}")
    columns = {name: [getattr(row, name) for row in ordered] for name in _FIELDS}
    return Manifest(pa.table(columns, schema=_SCHEMA))


def read_manifest(path: Path | str) -> Manifest:
    """Read a manifest.

    Raises:
        DatasetNotFoundError: If there is no file.
        ManifestError: If the file is not a manifest of this version, or a row names files outside
            its folder, or says what no image has (`Row`).
    """
    if not (path := Path(path)).is_file():
        raise DatasetNotFoundError(
            "manifest", path, "the manifest path", "pano_data.manifest.write_manifest"
        )
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"{path} is not a readable parquet file: {error}") from error
    for name in _ADDED:
        if name not in table.schema.names:
            nulls = pa.nulls(table.num_rows, _SCHEMA.field(name).type)
            table = table.add_column(_FIELDS.index(name), _SCHEMA.field(name), nulls)
    if not table.schema.equals(_SCHEMA):
        raise ManifestError(
            f"{path}: columns {table.schema.names}, expected {list(_FIELDS)}; "
            "it was written by another version, make it again from the data set"
        )
    manifest = Manifest(table)
    if _is_suspect(table):
        for _ in manifest:  # the row itself says what is wrong with it
            pass
    return manifest


def _is_suspect(table: pa.Table) -> bool:
    """Tell whether a row may be wrong; by columns: a million rows take a minute one by one."""
    lengths = {name: pc.list_value_length(table[name].drop_null()) for name in _MATRICES}
    if any(pc.any(pc.not_equal(lengths[k], count)).as_py() for k, count in _MATRICES.items()):
        return True
    numbers = [table[name] for name in _POSITIVE]
    numbers += [pc.list_element(table["intrinsics"].drop_null(), place) for place in (0, 4)]
    wrong = [pc.match_substring_regex(table[name], OUTSIDE.pattern) for name in _PATHS]
    wrong += [pc.invert(pc.and_(pc.greater(n, 0), pc.is_finite(n))) for n in numbers]
    wrong += [pc.invert(pc.is_finite(pc.list_flatten(table[name]))) for name in _MATRICES]
    wrong += [pc.invert(pc.is_in(table[k], pa.array(v))) for k, v in _CHOICES.items()]
    margins = table["edge_margin"]
    wrong += [pc.or_(pc.less(margins, 0), pc.greater(margins, MAX_EDGE_MARGIN))]
    return any(pc.any(column).as_py() for column in wrong)


def merge(manifests: Iterable[Manifest]) -> Manifest:
    """Join manifests into one, sorted again.

    Raises:
        ManifestError: If two rows of a data set share a key.
    """
    return manifest_of(row for manifest in manifests for row in manifest)


def _row(values: dict[str, Any]) -> Row:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Row(**given)
