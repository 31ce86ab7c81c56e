"""Pairs of pictures and depth maps: found, audited, divided into two manifests, read, scored on."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from pano_data import (
    P2E,
    CorruptSampleError,
    CuratedDataset,
    DataError,
    DatasetNotFoundError,
    ErpSample,
    ManifestDataset,
    Quarantine,
    ReflectionOutpainter,
    Row,
    Source,
    datasets,
    track,
    write_manifest,
)
from pano_data.audit import AuditReport, audit
from pano_data.datasets.folder_depth import ENCODINGS
from pano_data.datasets.spec import Skipped
from pano_losses import ProtocolMetric
from pano_models import DISTANCE_SCALE_INVARIANT, DepthModel, Predictor

PARTS = ("rest", "held_out")
LIFTED = "experiments.own_data.pairs.LiftedPairs"
"""Reads perspective pictures, which are no panoramas yet."""
NAMED = 5
"""Files without a partner that are named for each reason; the others are counted."""
COMMON_UNITS = (1.0, 100.0, 256.0, 512.0, 1000.0, 4000.0)
"""Stored values per metre that are met: metres, centimetres, KITTI, Stanford2D3D, millimetres,
Matterport3D."""
LIKELY_M = (0.7, 15.0)
"""Between these lies the median distance of most pictures."""
MAX_NEIGHBOURS = 16
"""Rows after a damaged one that may stand in for it."""


@dataclass(frozen=True)
class Pairs:
    """Own data, ready to be trained on.

    Attributes:
        root: Folder that holds pictures and depth maps.
        folder: Where the manifests lie.
        counts: Pairs of each part.
        rows: Of all pairs.
        skipped: What cannot be used, with the reason.
        options: Of the reader.
        flat: They are perspective pictures.
    """

    root: Path
    folder: Path
    counts: Mapping[str, int]
    rows: Sequence[Row]
    skipped: Sequence[Skipped]
    options: Mapping[str, Any]
    flat: bool

    @property
    def quarantine(self) -> Path:
        """File that pairs are noted in which turn out to be damaged."""
        return self.folder / "damaged.jsonl"

    def manifest(self, part: str) -> Path:
        """Return where the rows of a part are."""
        return self.folder / f"{part}.parquet"

    def source(self, part: str, size: tuple[int, int]) -> dict[str, Any]:
        """Return a part as a source of the data module.

        Perspective pictures become parts of panoramas as in DA²'s curation.
        """
        origin = {"manifest": str(self.manifest(part)), "root": str(self.root)}
        if not self.flat:
            return origin
        lifted = {**origin, "height": size[0]}
        if part == "rest":
            lifted["quarantine"] = str(self.quarantine)
        return {"dataset": {"class_path": LIFTED, "init_args": lifted}}

    def audit(self, samples: int) -> AuditReport:
        """Open some pairs and check what training relies on."""
        first = self.rows[0]
        own = datasets.get("folder_depth")
        spec = replace(own, kind=first.kind, projection=first.projection)
        return audit(spec, self.root, ["all"], samples, progress=True, options=self.options)


def find_pairs(
    images: Path, depth: Path, masks: Path | None, folder: Path, options: Mapping[str, Any]
) -> Pairs:
    """Pair two folders by name and write the manifests of both parts.

    Args:
        images: Folder of the pictures.
        depth: Folder of the depth maps; may be the same.
        masks: Folder of the masks, if there is one.
        folder: Where the manifests go.
        options: Of the reader `folder_depth`.

    Raises:
        DataError: There is no pair, or an option is wrong.
    """
    places = {"images": images, "depth": depth, **({} if masks is None else {"masks": masks})}
    whole = {name: Path(os.path.abspath(place)) for name, place in places.items()}  # noqa: PTH100
    root = Path(os.path.commonpath(list(whole.values())))
    inside = {name: place.relative_to(root).as_posix() for name, place in whole.items()}
    given = {**inside, **options}
    spec = datasets.get("folder_depth")
    try:
        rows, skipped = spec.survey(root, "all", list_file=None, **given)
    except DatasetNotFoundError as error:
        raise DataError(
            f"no picture below {images} has a depth map of its name below {depth} "
            f"({error.what}); expected a.jpg with a.png, or a_rgb.jpg with a_depth.exr"
        ) from error
    share = float(given.get("held_out", 0.1))
    parts = {"rest": rows, "held_out": []}
    if share and len(rows) > 1:
        parts = {part: spec.survey(root, part, list_file=None, **given)[0] for part in PARTS}
    for part, chosen in parts.items():
        write_manifest(folder / f"{part}.parquet", chosen)
    counts = {part: len(chosen) for part, chosen in parts.items()}
    flat = rows[0].projection == "pinhole"
    return Pairs(root, folder, counts, rows, skipped, given, flat)


def describe_pairs(pairs: Pairs) -> list[str]:
    """Tell what was found: counts, and the names of what has no partner."""
    counts = pairs.counts
    told = [f"{len(pairs.rows)} pairs: {counts['rest']} to train on, {counts['held_out']} held out"]
    for reason in sorted({skip.reason for skip in pairs.skipped}):
        names = [skip.path for skip in pairs.skipped if skip.reason == reason]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        shown = ", ".join(n.encode("utf-8", "backslashreplace").decode() for n in names[:NAMED])
        told.append(f"left out, {reason}: {shown}{more}")
    return told


def has_integer_labels(pairs: Pairs) -> bool:
    """Tell whether a depth map is a PNG, whose numbers are in no unit of their own."""
    return any(row.encoding == "png" for row in pairs.rows)


def units_hint(report: AuditReport, units: float) -> str:
    """Return the units under which the distances would be likely; empty if they are already."""
    if report.distance is None or LIKELY_M[0] <= report.distance[1] <= LIKELY_M[1]:
        return ""
    stored = report.distance[1] * units
    likely = [u for u in COMMON_UNITS if LIKELY_M[0] <= stored / u <= LIKELY_M[1]]
    told = ", ".join(f"--units {u:g} makes it {stored / u:.2g} m" for u in likely)
    return f"the median distance is {report.distance[1]:.3g} m; {told or 'no common unit fits'}"


SUFFIXES = ", ".join(sorted(ENCODINGS))


def absrel_of_network(
    network: DepthModel | None,
    source: Mapping[str, Any],
    size: tuple[int, int],
    protocol: str,
    title: str = "",
) -> float:
    """Return the AbsRel under a protocol.

    Args:
        network: Run at `size`; None: one distance everywhere, what a network has to beat.
        source: Values of a `pano_data.Source`.
        size: Height and width of the panoramas.
        protocol: Id in `pano_losses.protocols`.
        title: Of a progress bar; empty: none.
    """
    predict = None if network is None else Predictor(network, size)
    sums = ProtocolMetric(protocol)
    samples = open_source(source).open(size)
    for index in track(range(len(samples)), title, len(samples), shown=bool(title)):
        sample = samples[index]
        maps = {DISTANCE_SCALE_INVARIANT: torch.ones_like(sample["distance"][None])}
        if predict is not None:
            maps = {key: m.cpu() for key, m in predict(sample["image"][None]).maps.items()}
        sums.update(
            maps, sample["distance"][None], sample["valid"][None], keys=[sample["key"]],
            far=sample["far"][None],
        )  # fmt: skip
    return float(sums.compute()["absrel"])


def open_source(source: Mapping[str, Any]) -> Source:
    """Return a source of a configuration as the object."""
    if "dataset" not in source:
        return Source(**source)
    return Source(dataset=LiftedPairs(**source["dataset"]["init_args"]))


class LiftedPairs(Dataset[ErpSample]):
    """Perspective pairs, each lifted to a panorama as in DA²'s curation.

    Args:
        manifest: Rows of perspective pictures.
        root: Folder that their paths are relative to.
        height: Rows of the panoramas, which are twice as wide.
        quarantine: File that damaged pairs are noted in; the next usable one stands in for them.
            Without it they raise.
    """

    def __init__(
        self, manifest: str, root: str, height: int, quarantine: str | None = None
    ) -> None:
        pictures = ManifestDataset(manifest, root)
        self.panoramas = CuratedDataset(pictures, P2E((height, 2 * height)), ReflectionOutpainter())
        self.rows = pictures.manifest
        self.quarantine = None if quarantine is None else Quarantine(quarantine)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.rows)

    def __getitem__(self, index: int) -> ErpSample:
        """Return a panorama: `image`, `distance`, `valid`, ... as of every reader."""
        last: CorruptSampleError | None = None
        for step in range(min(MAX_NEIGHBOURS, len(self)) if self.quarantine else 1):
            at = index if not step else (index + step) % len(self)
            try:
                return self.panoramas[at]
            except CorruptSampleError as error:
                if self.quarantine is None:
                    raise
                self.quarantine.add(self.rows[at], error)
                last = error
        assert last is not None
        raise last
