"""The questions an audit asks; each answers with one `Check`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pano_data.audit.measure import SampleMeasures, preferred_reading
from pano_data.datasets import DatasetSpec
from pano_data.quarantine import CorruptEntry

NEAREST = 0.01
"""Metres; nearer values mean a wrong scale or an undeclared sentinel."""
TYPICAL = {"indoor": (0.3, 20.0), "outdoor": (1.0, 200.0), "mixed": (0.3, 200.0)}
"""Metres between which the median of a metric set lies."""
PILE = 0.02
"""Share of pixels at exactly the largest value that points to an undeclared sentinel."""
BELONGS, DOUBTFUL = 1.1, 1.4
"""Contrast at label edges over that of their rows: below the first, image and label do not belong
together, below the second they may not. Worlds give 1.7 to 42, shifted pairs about 0.9."""
MAJORITY = 0.5
"""Share of samples that must agree on how a label is meant."""


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


def run_checks(
    spec: DatasetSpec,
    splits: Mapping[str, SplitReport],
    measured: Sequence[SampleMeasures],
    corrupt: Sequence[CorruptEntry],
) -> Iterator[Check]:
    """Run every check that the data set allows."""
    yield check_counts(splits)
    yield check_files(measured, corrupt)
    if measured:
        yield check_sizes(spec, measured)
    if spec.kind == "none" or not measured:
        return
    yield check_types(spec, measured)
    yield check_shares(measured)
    yield check_range(spec, measured)
    yield check_sentinels(measured)
    yield check_pairs(measured)
    yield check_planarity(spec, measured)


def check_counts(splits: Mapping[str, SplitReport]) -> Check:
    """Check that every split holds as many images as published."""
    off = [
        f"{name}: {split.rows} of {split.published}"
        for name, split in splits.items()
        if split.published is not None and split.rows != split.published
    ]
    total = sum(split.rows for split in splits.values())
    if off:
        return Check("counts", "warn", f"not the published numbers ({'; '.join(off)})")
    return Check("counts", "ok", f"{total} images")


def check_files(measured: Sequence[SampleMeasures], corrupt: Sequence[CorruptEntry]) -> Check:
    """Check that the files can be decoded."""
    opened = len(measured) + len(corrupt)
    if not corrupt:
        return Check("files", "ok", f"{opened} opened")
    reasons = ", ".join(f"{n} {why}" for why, n in Counter(c.reason for c in corrupt).items())
    return Check("files", "fail", f"{len(corrupt)} of {opened} cannot be used: {reasons}")


def check_sizes(spec: DatasetSpec, measured: Sequence[SampleMeasures]) -> Check:
    """Check that images have the published size and panoramas are 2:1."""
    found = Counter(m.size for m in measured)
    text = ", ".join(f"{h}x{w} ({n})" for (h, w), n in found.items())
    ratio = {"erp": (1, 2), "cassini": (2, 1)}.get(spec.projection)
    if ratio and any(h * ratio[1] != w * ratio[0] for h, w in found):
        return Check("size", "fail", f"got {text}, expected a full sphere ({ratio[1]}:{ratio[0]})")
    if spec.native_size and set(found) != {spec.native_size}:
        height, width = spec.native_size
        return Check("size", "warn", f"got {text}, published {height}x{width}: a resized copy?")
    return Check("size", "ok", text)


def check_types(spec: DatasetSpec, measured: Sequence[SampleMeasures]) -> Check:
    """Check the stored type of labels: 16-bit files that went through 8 bits are ruined."""
    found = Counter(m.dtype for m in measured)
    # Floats are widened when read.
    expected = {"float16": "float32"}.get(spec.label_dtype or "", spec.label_dtype)
    text = ", ".join(f"{dtype} ({n})" for dtype, n in found.items())
    if m := [m.dtype for m in measured if m.row.encoding == "png_float16"]:
        return Check("label type", "ok", f"half floats in 16-bit PNG ({len(m)})")
    if expected and set(found) != {expected}:
        return Check("label type", "fail", f"got {text}, expected {expected}")
    return Check("label type", "ok", text)


def check_shares(measured: Sequence[SampleMeasures]) -> Check:
    """Check how much of the pictures is labelled."""
    valid, far = (np.array([getattr(m, name) for m in measured]) for name in ("valid", "far"))
    text = (
        f"{valid.mean():.1%} valid, {far.mean():.1%} far, "
        f"{abs(1 - valid.mean() - far.mean()):.1%} missing; least valid {valid.min():.1%}"
    )
    return Check("sentinel share", "ok" if (valid + far).min() > 0.2 else "warn", text)


def check_range(spec: DatasetSpec, measured: Sequence[SampleMeasures]) -> Check:
    """Check that distances are plausible: a wrong scale shows here."""
    ranges = np.array([m.distance for m in measured if m.distance])
    if not len(ranges):
        return Check("range", "warn", "no sample has a valid pixel")
    low, middle, high = ranges[:, 0].min(), float(np.median(ranges[:, 1])), ranges[:, 2].max()
    text = f"{low:.3g} .. {high:.4g}, median {middle:.3g}"
    if not spec.metric:
        return Check("range", "ok", f"{text} (not metric)")
    first, last = TYPICAL[spec.environment]
    if not first <= middle <= last:
        return Check("range", "fail", f"{text} m; expected a median of {first:g} to {last:g} m")
    if low < NEAREST or high > spec.limit * 1.8:  # corners of a z limit are farther
        return Check("range", "warn", f"{text} m; expected {NEAREST:g} to {spec.limit:g} m")
    return Check("range", "ok", f"{text} m")


def check_sentinels(measured: Sequence[SampleMeasures]) -> Check:
    """Check whether one value piles up at the end of the range."""
    piles = [m for m in measured if m.pile > PILE and m.distance]
    if not piles:
        return Check("sentinels", "ok", "no value piles up at the end of the range")
    worst = max(piles, key=lambda m: m.pile)
    assert worst.distance is not None
    return Check(
        "sentinels",
        "warn",
        f"{len(piles)} of {len(measured)} samples hold one largest value often "
        f"({worst.pile:.1%} of {worst.row.key} is {worst.distance[2]:.6g}): undeclared sentinel?",
    )


def check_pairs(measured: Sequence[SampleMeasures]) -> Check:
    """Check that edges of labels lie on edges of images."""
    values = [m.contrast for m in measured if m.contrast is not None]
    if not values:
        return Check("pairs", "warn", "no label has edges; cannot tell whether images belong")
    middle = float(np.median(values))
    text = f"image contrast at label edges is {middle:.2f} times that of their rows"
    if middle < BELONGS:
        return Check("pairs", "fail", f"{text}, expected more than {DOUBTFUL}: other scenes?")
    return Check("pairs", "ok" if middle > DOUBTFUL else "warn", text)


def median_residuals(measured: Sequence[SampleMeasures]) -> dict[str, float]:
    """Return the median over samples of the residual of each reading."""
    names = sorted({name for m in measured for name in m.planarity})
    return {
        name: float(np.median([m.planarity[name] for m in measured if name in m.planarity]))
        for name in names
    }


def check_planarity(spec: DatasetSpec, measured: Sequence[SampleMeasures]) -> Check:
    """Check that walls are flat under the declared kind."""
    examined = [m.planarity for m in measured if m.planarity]
    if not examined:
        return Check("planarity", "warn", "too little is valid to look for walls")
    votes = Counter(preferred_reading(residuals) for residuals in examined)
    medians = median_residuals(measured)
    text = ", ".join(f"{name} {value:.3%}" for name, value in medians.items())
    winner = max((name for name in votes if name), key=lambda name: votes[name], default=None)
    if winner is None or votes[winner] < MAJORITY * len(examined):
        return Check("planarity", "warn", f"cannot tell how the label is meant; residuals: {text}")
    share = f"{votes[winner]} of {len(examined)} samples; residuals: {text}"
    if winner == "declared":
        return Check("planarity", "ok", f"walls are flat as declared ({spec.kind}): {share}")
    return Check(
        "planarity",
        "fail",
        f"declared {spec.kind}, but walls are flat if read as {winner}: {share}",
    )
