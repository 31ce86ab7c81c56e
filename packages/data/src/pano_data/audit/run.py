"""Open real files of a data set and say whether they are what the readers take them for."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pano_data import datasets
from pano_data.audit import checks
from pano_data.audit.checks import Check, SplitReport
from pano_data.audit.measure import SampleMeasures, measure
from pano_data.datasets import DatasetSpec
from pano_data.errors import CorruptSampleError, DataError
from pano_data.manifest import Row
from pano_data.progress import track
from pano_data.quarantine import CorruptEntry, corrupt_entry


@dataclass(frozen=True)
class AuditReport:
    """Result of `audit`.

    Attributes:
        dataset: Data set id.
        root: Folder that was examined.
        splits: Split -> what it holds.
        opened: Samples that were opened.
        corrupt: Samples that could not be read, with reason.
        sizes: `"<height>x<width>"` -> number of images.
        dtypes: Type of the stored labels -> number of labels.
        valid: Mean share of usable pixels.
        far: Mean share of far pixels.
        distance: Smallest, median and largest distance over the samples, or None without labels.
        planarity: Reading -> median relative residual of walls (`planarity_residuals`).
        checks: What was examined.
    """

    dataset: str
    root: str
    splits: Mapping[str, SplitReport]
    opened: int
    corrupt: tuple[CorruptEntry, ...]
    sizes: Mapping[str, int]
    dtypes: Mapping[str, int]
    valid: float
    far: float
    distance: tuple[float, float, float] | None
    planarity: Mapping[str, float]
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """No check failed."""
        return all(check.status != "fail" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        return asdict(self) | {"ok": self.ok}

    def lines(self) -> list[str]:
        """Return a readable account, one fact per line."""
        head = [f"{self.dataset} at {self.root}: {'ok' if self.ok else 'FAILED'}"]
        splits = [_describe_split(name, split) for name, split in self.splits.items()]
        checks = [f"  {c.status.upper():4} {c.name}: {c.detail}" for c in self.checks]
        corrupt = [f"  corrupt {c.key}: {c.reason}: {c.detail}" for c in self.corrupt]
        return head + splits + checks + corrupt


def _describe_split(name: str, split: SplitReport) -> str:
    if split.problem:
        return f"  split {name}: {split.problem}"
    published = "" if split.published is None else f" of {split.published} published"
    skipped = "".join(f"; {count} left out: {why}" for why, count in split.skipped.items())
    return f"  split {name}: {split.rows} images{published}{skipped}"


def audit(
    name: str | DatasetSpec,
    root: Path | str,
    splits: Sequence[str] | None = None,
    samples: int = 16,
    seed: int = 0,
    progress: bool = False,
    options: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Examine a data set on disk.

    Lists every split, opens a random choice of samples and checks size, type, range, sentinels,
    that image and label belong together, and whether walls are flat (which tells z from distance).

    Args:
        name: Data set id, or what is known of the data set.
        root: Folder of the data set.
        splits: Splits to examine; all if None.
        samples: Samples to open, spread over the splits; all of them if larger than the data set.
        seed: Chooses them.
        progress: Show progress on stderr.
        options: Options of the data set's reader, see `DatasetSpec.options`.

    Raises:
        UnknownDatasetError: With the known ids.
        DatasetNotFoundError: If no split can be found.
    """
    spec, root = name if isinstance(name, DatasetSpec) else datasets.get(name), Path(root)
    given = options or {}
    surveys = {split: _survey_split(spec, root, split, given) for split in splits or spec.splits}
    if not any(rows for rows, _ in surveys.values()):
        spec.survey(root, next(iter(surveys)), **given)  # raises, and says what to do
    chosen = _choose([rows for rows, _ in surveys.values()], samples, seed)
    measured, bad = [], []
    for row in track(chosen, f"opening {spec.name}", shown=progress):
        try:
            measured.append(measure(row, root))
        except CorruptSampleError as error:
            bad.append(corrupt_entry(row, error))
    reports = {split: report for split, (_, report) in surveys.items()}
    return _make_report(spec, root, reports, measured, bad)


def _survey_split(
    spec: DatasetSpec, root: Path, split: str, options: Mapping[str, Any]
) -> tuple[list[Row], SplitReport]:
    try:
        rows, skipped = spec.survey(root, split, list_file=None, **options)
    except DataError as error:
        return [], SplitReport(0, spec.counts.get(split), problem=str(error))
    reasons = dict(Counter(skip.reason for skip in skipped))
    return rows, SplitReport(len(rows), spec.counts.get(split), reasons)


def _choose(groups: Sequence[Sequence[Row]], samples: int, seed: int) -> list[Row]:
    """Take turns among the splits; no image twice, though splits may overlap."""
    rng = random.Random(seed)
    queues = [rng.sample(list(group), min(len(group), samples)) for group in groups]
    chosen: dict[str, Row] = {}
    for turn in range(samples):
        for queue in queues:
            if turn < len(queue) and len(chosen) < samples:
                chosen.setdefault(queue[turn].key, queue[turn])
    return list(chosen.values())


def _make_report(
    spec: DatasetSpec,
    root: Path,
    splits: dict[str, SplitReport],
    measured: list[SampleMeasures],
    bad: list[CorruptEntry],
) -> AuditReport:
    ranges = np.array([m.distance for m in measured if m.distance])
    residuals = checks.median_residuals(measured)
    return AuditReport(
        dataset=spec.name,
        root=str(root),
        splits=splits,
        opened=len(measured) + len(bad),
        corrupt=tuple(bad),
        sizes=dict(Counter(f"{m.size[0]}x{m.size[1]}" for m in measured)),
        dtypes=dict(Counter(m.dtype for m in measured if m.dtype)),
        valid=float(np.mean([m.valid for m in measured])) if measured else 0.0,
        far=float(np.mean([m.far for m in measured])) if measured else 0.0,
        distance=(
            (float(ranges[:, 0].min()), float(np.median(ranges[:, 1])), float(ranges[:, 2].max()))
            if len(ranges)
            else None
        ),
        planarity=residuals,
        checks=tuple(checks.run_checks(spec, splits, measured, bad)),
    )
