"""The figures of the report: error by latitude, by distance, and over protocols."""

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.benchmark.curves import LATITUDE_BINS, RANGE_EDGES_M
from experiments.benchmark.report.results import ModelResults, scored_pairs
from pano_geometry import row_latitudes

SIZE_INCHES = (5.6, 3.9)  # legible on a phone, where the page shows one below the other
MARKERS = "osD^vPX*<>"


def style(results: Sequence[ModelResults]) -> dict[str, dict[str, Any]]:
    """Return the colour and marker of each model, the same in every figure."""
    colours = plt.get_cmap("tab10").colors  # type: ignore[attr-defined]
    return {
        r.model: {
            "color": colours[i % len(colours)],
            "marker": MARKERS[(i + i // len(colours)) % len(MARKERS)],
        }
        for i, r in enumerate(results)
    }


def figures(results: Sequence[ModelResults]) -> dict[str, bytes]:
    """Draw all figures; return PNG files by name."""
    looks = style(results)
    drawn = {}
    for dataset in sorted({d for r in results for d in r.curves}):
        curves = {r.model: r.curves[dataset] for r in results if dataset in r.curves}
        drawn[f"latitude_{dataset}"] = by_latitude(dataset, curves, looks)
        drawn[f"range_{dataset}"] = by_range(dataset, curves, looks)
    for dataset in sorted({d for d, _ in scored_pairs(results)}):
        drawn[f"spread_{dataset}"] = spread(dataset, results, looks)
    return {name: png(figure) for name, figure in drawn.items()}


def by_latitude(
    dataset: str, curves: Mapping[str, Any], looks: Mapping[str, dict[str, Any]]
) -> Figure:
    """Plot the error over latitude: the poles are at both ends."""
    figure, axis = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    centres = np.degrees(row_latitudes(LATITUDE_BINS).numpy())
    for model, curve in curves.items():
        axis.plot(centres, _floats(curve["latitude"]), ms=4, label=model, **looks[model])
    axis.set(xlabel="latitude (degrees, the zenith is +90)", title=f"{dataset}: error by latitude")
    axis.set_xticks([-90, -45, 0, 45, 90])
    return _finished(figure)


def by_range(
    dataset: str, curves: Mapping[str, Any], looks: Mapping[str, dict[str, Any]]
) -> Figure:
    """Plot the error over the true distance, without bins that no model was scored in."""
    figure, axis = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    names = [f"{a:g}–{b:g}" for a, b in itertools.pairwise(RANGE_EDGES_M)]
    values = {model: _floats(curve["range"]) for model, curve in curves.items()}
    used = np.isfinite(np.array(list(values.values()))).any(axis=0)
    for model, curve in values.items():
        axis.plot(np.flatnonzero(used), np.array(curve)[used], ms=4, label=model, **looks[model])
    axis.set(xlabel="true distance (m)", title=f"{dataset}: error by distance")
    axis.set_xticks(np.flatnonzero(used), [n for n, u in zip(names, used, strict=True) if u])
    return _finished(figure)


def spread(
    dataset: str, results: Sequence[ModelResults], looks: Mapping[str, dict[str, Any]]
) -> Figure:
    """Plot AbsRel of each model under every protocol that scores it, a line per protocol."""
    scored = [
        p
        for d, p in scored_pairs(results)
        if d == dataset and any("absrel" in (r.get(d, p) or {}) for r in results)
    ]
    figure, axis = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    for r in results:
        values = [(r.get(dataset, p) or {}).get("absrel", np.nan) for p in scored]
        places = np.arange(len(scored))[::-1]
        axis.plot(values, places, ls="none", ms=6, alpha=0.8, label=r.model, **looks[r.model])
    axis.set_yticks(np.arange(len(scored))[::-1], scored)
    axis.set(title=f"{dataset}: all protocols", xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_ylim(-0.5, len(scored) - 0.5)
    return _finished(figure, across=True)


def _finished(figure: Figure, across: bool = False) -> Figure:
    (axis,) = figure.axes
    axis.grid(alpha=0.3)
    if across:
        axis.set_xlabel("AbsRel")
    else:
        axis.set_ylabel("AbsRel")
        axis.set_ylim(bottom=0)
    figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8
    )
    return figure


def _floats(values: Sequence[float | None]) -> list[float]:
    return [np.nan if v is None else v for v in values]


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file, and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=140, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
