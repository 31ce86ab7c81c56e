"""What an audit found, for people and for machines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pano_data.quarantine import Corrupt

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was examined.

    Attributes:
        name: Short name.
        status: `fail` means numbers of this data set cannot be trusted.
        detail: What was got and what was expected.
    """

    name: str
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a split holds.

    Attributes:
        rows: Usable images.
        published: Number the publication states, or None.
        skipped: Reason -> number of entries left out.
        problem: Why the split could not be listed, or empty.
    """

    rows: int
    published: int | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


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
    corrupt: tuple[Corrupt, ...]
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
        """Plain types for JSON."""
        return asdict(self) | {"ok": self.ok}

    def lines(self) -> list[str]:
        """A readable account, one fact a line."""
        head = [f"{self.dataset} at {self.root}: {'ok' if self.ok else 'FAILED'}"]
        splits = [_split_line(name, split) for name, split in self.splits.items()]
        checks = [f"  {c.status.upper():4} {c.name}: {c.detail}" for c in self.checks]
        corrupt = [f"  corrupt {c.key}: {c.reason}: {c.detail}" for c in self.corrupt]
        return head + splits + checks + corrupt


def _split_line(name: str, split: SplitReport) -> str:
    if split.problem:
        return f"  split {name}: {split.problem}"
    published = "" if split.published is None else f" of {split.published} published"
    skipped = "".join(f"; {count} left out: {why}" for why, count in split.skipped.items())
    return f"  split {name}: {split.rows} images{published}{skipped}"
