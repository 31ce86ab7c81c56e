"""Quantities of metrics and alignments, ours beside those of torchmetrics and released evaluators.

`benchmarks.metrics` says which files of theirs it takes.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pano_geometry as pg
from pano_losses import Protocol, alignment, evaluate, protocols
from pano_losses.boundary_distance import BOUNDARY_DISTANCE
from pano_losses.cube_edges import CUBE_EDGES, cube_faces
from pano_losses.gradients import sobel_magnitude
from pano_losses.pano3d import SMOOTHNESS, angle_deg

EDGE_M = 1.0
"""Gradient of the edges that boundary distances are measured between, m."""

ScoredMaps = tuple[Tensor, Tensor, Tensor]
"""Prediction, truth and mask (b, 1, h, w)."""


@dataclass(frozen=True)
class MetricRow:
    """One quantity, ours and theirs.

    Attributes:
        peer: Whose it is.
        what: Name of the quantity.
        ours: Our number.
        theirs: Their number on the same maps.
        reason: Why they differ; empty where they have to agree.
    """

    peer: str
    what: str
    ours: float
    theirs: float
    reason: str = ""

    @property
    def apart(self) -> float:
        """Relative difference."""
        return abs(self.ours - self.theirs) / max(abs(self.theirs), 1e-12)


def load(path: Path, *ignored: str) -> ModuleType:
    """Import a file by its path; `ignored` are imports of it that what is called does not use."""
    for name in ignored:
        sys.modules.setdefault(name, ModuleType(name))
    spec = importlib.util.spec_from_file_location(f"peer_{path.stem}_{abs(hash(path))}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"got {path}, expected a Python file of the peer")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def each(maps: ScoredMaps) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield prediction, truth and mask (h, w) of each image."""
    yield from ((p[0], t[0], v[0]) for p, t, v in zip(*maps, strict=True))


def mean(values: Iterator[Any]) -> float:
    return float(np.mean([float(value) for value in values]))


def of_torchmetrics(maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield means over the pixels of an image, then over images; and over all pixels at once."""
    metrics = importlib.import_module("torchmetrics")
    functional = metrics.functional
    pairs: dict[str, tuple[str, Callable[[Tensor, Tensor], Tensor]]] = {
        "mae": ("mean_absolute_error", functional.mean_absolute_error),
        "rmse": (
            "mean_squared_error(squared=False)",
            lambda p, t: functional.mean_squared_error(p, t, squared=False),
        ),
        "absrel": (
            "mean_absolute_percentage_error",
            functional.mean_absolute_percentage_error,
        ),
    }
    ours = evaluate(*maps, protocol="metric")
    for name, (theirs, run) in pairs.items():
        yield MetricRow(
            "torchmetrics", f"`{name}`: {theirs}", ours[name],
            mean(run(p[v], t[v]) for p, t, v in each(maps)),
        )  # fmt: skip
    logs = [functional.mean_squared_log_error(p[v], t[v]).sqrt() for p, t, v in each(maps)]
    yield MetricRow(
        "torchmetrics", "`rmse_log`: root of mean_squared_log_error", ours["rmse_log"],
        mean(iter(logs)), "theirs is of ln(1 + x)",
    )  # fmt: skip
    pooled = metrics.MeanSquaredError(squared=False)
    for p, t, v in each(maps):
        pooled.update(p[v], t[v])
    by_pixel: Protocol = replace(protocols["metric"], averaging="pixel")
    yield MetricRow(
        "torchmetrics", "`rmse`, averaging by pixel: MeanSquaredError over updates",
        evaluate(*maps, protocol=by_pixel)["rmse"], float(pooled.compute()),
    )  # fmt: skip


NAMES = {
    "absrel": "abs_relative_difference",
    "sqrel": "squared_relative_difference",
    "rmse": "rmse_linear",
    "rmse_log": "rmse_log",
    "log10": "log10",
    "delta1": "delta1_acc",
    "delta2": "delta2_acc",
    "delta3": "delta3_acc",
    "irmse": "i_rmse",
    "silog": "silog_rmse",
}
"""Our names of metrics to those of Marigold's evaluator, which DA-2 and PaGeR took over."""


def of_da2(folder: Path, maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield the release's alignments, clamp and metrics in the order of its `run_evaluation`."""
    metric = load(folder / "eval/utils/metric.py")
    aligning = load(folder / "eval/utils/alignment.py")
    rules = protocols["da2_released"]
    low, high = rules.clamp_prediction
    maps = maps[0], maps[1], maps[2] & (maps[1] > rules.low) & (maps[1] < rules.high)
    ways: dict[str, tuple[alignment.AlignmentRule, Callable[..., Any]]] = {
        "median": (alignment.median, aligning.align_depth_median),
        "least squares": (
            alignment.least_squares_scale_shift, aligning.align_depth_least_square,
        ),
    }  # fmt: skip
    for way, (ours, align) in ways.items():
        scores = evaluate(*maps, protocol=replace(rules, alignment=ours))
        clamped = []
        for p, t, v in each(maps):
            fitted = align(t.numpy(), p.numpy(), v.numpy(), return_scale_shift=False)
            clamped.append(torch.from_numpy(np.clip(fitted, low, high)))
        for name, theirs in NAMES.items():
            values = [
                getattr(metric, theirs)(p, t, v)
                for p, (_, t, v) in zip(clamped, each(maps), strict=True)
            ]
            yield MetricRow("DA-2", f"`{name}`, {way}", scores[name], mean(iter(values)))


def of_pager(folder: Path, maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield the depth metrics of the released tracker after its least-squares scale."""
    sys.path.insert(0, str(folder))
    depth = importlib.import_module("src.metrics.depth_metrics")
    rules = protocols["ls_scale"]
    scores = evaluate(*maps, protocol=replace(rules, metrics=protocols["da2_released"].metrics))
    names = [name for name in NAMES.values() if hasattr(depth.MetricTracker, name)]
    tracker = depth.MetricTracker(names)
    for p, t, v in each(maps):
        fitted = depth.align_pred_gt(p[None], t[None], v[None], "scale")
        tracker.update(fitted, t[None], v[None], id=None)
    for name, theirs in NAMES.items():
        if theirs in names:
            yield MetricRow(
                "PaGeR", f"`{name}`, least-squares scale", scores[name],
                tracker.metrics_sum[theirs] / len(maps[0]),
            )  # fmt: skip


def of_pager_normals(folder: Path, maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield angles between the same normals: ours, of both maps, in their tracker."""
    normals = load(folder / "src/metrics/normals_metrics.py")
    tracker = normals.MetricTracker(("mean", "mse", "delta_5", "delta_22.5"))
    angle, exists = angle_deg(*maps)
    for p, t, v, e in zip(*maps, exists, strict=True):
        made = (pg.distance_to_normals(torch.where(v, x, 1.0)[None], v[None])[0] for x in (p, t))
        tracker.update(*made, e)
    count = len(maps[0])
    degrees = [a[e] for a, e in zip(angle, exists, strict=True)]
    theirs = {key: total / count for key, total in tracker.metrics_sum.items()}
    yield MetricRow(
        "PaGeR", "angle between normals, deg", mean(a.mean() for a in degrees), theirs["mean"]
    )
    yield MetricRow(
        "PaGeR", "its mean square (`normal_rmse_deg`²), deg²",
        mean((a**2).mean() for a in degrees), theirs["mse"],
    )  # fmt: skip
    within = SMOOTHNESS["normal_within_22.5deg"].per_image(*maps)
    yield MetricRow("PaGeR", "`normal_within_22.5deg`", float(within.mean()), theirs["delta_22.5"])


def of_pager_seams(folder: Path, maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield broken pairs across the edges of the cube, of a prediction and of the truth."""
    seams = load(folder / "src/metrics/seams_metrics.py")
    prediction, truth, _ = maps
    everywhere = torch.ones_like(truth, dtype=torch.bool)
    # One face a tenth nearer: a prediction that was stitched badly.
    stitched = prediction * torch.where(cube_faces(*truth.shape[-2:]) == 5, 0.9, 1.0)
    said = "theirs counts edges of the scene as broken, by distance in the range of the map"
    for name, found in (("the truth itself", truth), ("one face a tenth nearer", stitched)):
        tracker = seams.MetricTracker(["seam_defect_density"])
        for p in found:
            tracker.update(p[0].float())
        ours = CUBE_EDGES["cube_edge_broken"].per_image(found, truth, everywhere)
        theirs = tracker.calculate_final(len(found))["seam_defect_density"]
        yield MetricRow("PaGeR", f"`cube_edge_broken`, {name}", float(ours.mean()), theirs, said)
    height, width = truth.shape[-2:]
    theirs_map = seams.equirect_facetype(height, width)
    pairs = torch.stack([cube_faces(height, width).flatten(), theirs_map.flatten()]).unique(dim=1)
    matched = {int(a): int(b) for a, b in pairs.T if _most(a, b, height, width, theirs_map)}
    same = sum(
        ((cube_faces(height, width) == a) & (theirs_map == b)).sum() for a, b in matched.items()
    )
    yield MetricRow(
        "PaGeR", "share of pixels on the same face", float(same) / (height * width), 1.0,
        "theirs rounds the border of the upper and lower face to whole rows",
    )  # fmt: skip


def _most(ours: Tensor, theirs: Tensor, height: int, width: int, theirs_map: Tensor) -> bool:
    """Tell whether most pixels of one of our faces lie on one of theirs."""
    mine = cube_faces(height, width) == ours
    return bool(2 * (mine & (theirs_map == theirs)).sum() > mine.sum())


def of_moge(folder: Path, maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield its optimal scale under |s p - t| / t and its least squares in disparity."""
    aligning = load(folder / "moge/utils/alignment.py", "utils3d")
    mine = alignment.relative_l1_scale(*maps, None).scale
    theirs = [aligning.align_depth_scale(p[v], t[v], 1 / t[v]) for p, t, v in each(maps)]
    yield MetricRow("MoGe", "scale of least AbsRel", float(mine.mean()), mean(iter(theirs)))
    rel = [
        (p[v] * s - t[v]).abs().div(t[v]).mean()
        for (p, t, v), s in zip(each(maps), theirs, strict=True)
    ]
    ours = evaluate(*maps, protocol="weighted_l1")["absrel"]
    yield MetricRow("MoGe", "`absrel` under it", ours, mean(iter(rel)))
    inverse = (1 / maps[0], 1 / torch.where(maps[2], maps[1], 1.0), maps[2])
    fit = alignment.least_squares_scale_shift(*inverse, None)
    fits = [aligning.align_affine_lstsq(p[v], t[v]) for p, t, v in each(inverse)]
    yield MetricRow(
        "MoGe", "scale in disparity, with shift", float(fit.scale.mean()), mean(a for a, _ in fits)
    )
    yield MetricRow("MoGe", "shift in disparity", float(fit.shift.mean()), mean(b for _, b in fits))


def of_edges(ibims: Path | None, pager: Path | None, maps: ScoredMaps) -> Iterator[MetricRow]:
    """Yield distances between the same edges, and between edges that the scripts find."""
    ours = {
        name: float(BOUNDARY_DISTANCE[f"boundary_{name}_px_{EDGE_M:g}m"].per_image(*maps).nanmean())
        for name in ("accuracy", "completeness")
    }
    found = [(sobel_magnitude(x, maps[2])[0] > EDGE_M)[:, 0].numpy() * 1.0 for x in maps[:2]]
    edges = list(zip(*found, strict=True))
    if pager:
        tracker = load(pager).MetricTracker([], max_depth=10)
        for name, reason in (
            ("accuracy", ""),
            ("completeness", "theirs is over the edges of both"),
        ):
            theirs = mean(getattr(tracker, f"edge_dbe_{name}")(p, t) for p, t in edges)
            yield MetricRow("PaGeR", f"DBE {name}, the same edges", ours[name], theirs, reason)
    if ibims:
        script = load(ibims)
        values = [
            script.compute_depth_boundary_error(t, p.numpy())
            for (p, _, _), (_, t) in zip(each(maps), edges, strict=True)
        ]
        for name, column in zip(ours, zip(*values, strict=True), strict=True):
            yield MetricRow(
                "iBims-1", f"DBE {name}, predicted edges by Canny", ours[name],
                mean(iter(column)),
                "other edges" + (", and far ones count in full" if name == "completeness" else ""),
            )  # fmt: skip
