"""Stage: everything that was scored, as one self-contained page, one table and a few figures."""

import base64
import io
import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jinja2 import Environment, select_autoescape
from matplotlib.figure import Figure

import pano_losses
from experiments.benchmark.curves import LATITUDE_BINS, RANGE_EDGES_M
from experiments.common.cli import stage_main

COLUMNS = ("absrel", "rmse", "mae", "delta1", "delta2")
LOWER_IS_BETTER = {"absrel", "rmse", "mae"}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>PanoDepth report</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid #eee;white-space:nowrap}
th:first-child,td:first-child{text-align:left}.best{font-weight:700;background:#eef7ee}
img{max-width:100%;height:auto;display:block}figure{margin:1rem 0}figcaption{color:#555;font-size:.9rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:.8rem}
code{background:#f3f3f3;padding:.1rem .3rem;border-radius:3px}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#e6e6e6}th,td{border-color:#333}.best{background:#1d3320}code{background:#26292d}figcaption{color:#aaa}}
</style></head><body>
<h1>PanoDepth report</h1>
<p>Every number stands under the protocol that made it; protocols are described in <code>docs/protocols.md</code>.
A model is missing under a protocol that cannot score its kind of map.</p>
{% for table in tables %}<h2>{{ table.dataset }} · {{ table.protocol }}</h2>
<p>{{ table.description }} {{ table.images }} images.</p>
<div class="scroll"><table><tr><th>model</th>{% for c in columns %}<th>{{ c }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr><td>{{ row.model }}</td>{% for cell in row.cells %}<td{% if cell.best %} class="best"{% endif %}>{{ cell.text }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% endfor %}
<h2>Where the error lies</h2>
{% for f in figures %}<figure><img alt="{{ f.title }}" src="data:image/png;base64,{{ f.data }}"><figcaption>{{ f.title }}</figcaption></figure>
{% endfor %}
<h2>Samples</h2>
<p>Top: picture and prediction. Bottom: relative error (white from 0.5) and truth. Log distance, near is red; the prediction is median-aligned.</p>
{% for group in samples %}<h3>{{ group.model }} on {{ group.dataset }}</h3><div class="grid">
{% for s in group.pictures %}<img alt="{{ group.model }} on {{ group.dataset }}" src="data:image/png;base64,{{ s }}">{% endfor %}</div>
{% endfor %}</body></html>
"""


@dataclass(frozen=True)
class Result:
    """What one model left in its folder."""

    model: str
    metrics: dict[str, dict[str, dict[str, float]]]
    curves: dict[str, dict[str, list[float | None]]]
    folder: Path


class UnlabelledNumberError(ValueError):
    """A number without a known protocol."""


def read(folder: Path) -> Result:
    """Results of one model.

    Raises:
        UnlabelledNumberError: A score stands under something that is no protocol.
    """
    metrics = json.loads((folder / "metrics.json").read_text())
    unknown = {p for by in metrics.values() for p in by} - set(pano_losses.protocols)
    if unknown:
        raise UnlabelledNumberError(
            f"{folder}: scores under {sorted(unknown)}, expected protocols of pano_losses; score again"
        )
    curves = json.loads((folder / "curves.json").read_text())
    return Result(folder.name, metrics, curves, folder)


def tables(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One table a data set and protocol, best model first."""
    pairs = sorted({(d, p) for r in results for d, by in r.metrics.items() for p in by})
    return [_table(results, dataset, protocol) for dataset, protocol in pairs]


def _table(results: Sequence[Result], dataset: str, protocol: str) -> dict[str, Any]:
    scored = [
        (r.model, r.metrics[dataset][protocol])
        for r in results
        if protocol in r.metrics.get(dataset, {})
    ]
    scored.sort(key=lambda pair: pair[1].get("absrel", np.inf))
    best = {
        c: (min if c in LOWER_IS_BETTER else max)(m[c] for _, m in scored if c in m)
        for c in COLUMNS
        if any(c in m for _, m in scored)
    }
    rows = [{"model": model, "cells": [_cell(m, c, best) for c in COLUMNS]} for model, m in scored]
    return {
        "dataset": dataset,
        "protocol": protocol,
        "description": pano_losses.protocols[protocol].description,
        "images": int(scored[0][1]["images_scored"]),
        "rows": rows,
    }


def _cell(metrics: Mapping[str, float], column: str, best: Mapping[str, float]) -> dict[str, Any]:
    if column not in metrics:
        return {"text": "–", "best": False}
    return {"text": f"{metrics[column]:.4f}", "best": metrics[column] == best[column]}


def markdown(all_tables: Sequence[Mapping[str, Any]]) -> str:
    """The tables for a terminal or a repository page."""
    parts = []
    for table in all_tables:
        frame = pd.DataFrame(
            [[row["model"], *(c["text"] for c in row["cells"])] for row in table["rows"]],
            columns=["model", *COLUMNS],
        )
        lines = ["| " + " | ".join(frame.columns) + " |", "| --- " * len(frame.columns) + "|"]
        lines += ["| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False)]
        parts.append(f"## {table['dataset']} · {table['protocol']}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def curve_figures(results: Sequence[Result]) -> dict[str, Figure]:
    """Error by latitude and by range, one figure a data set."""
    figures = {}
    for dataset in sorted({d for r in results for d in r.curves}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
        centres = 90 - (np.arange(LATITUDE_BINS) + 0.5) * 180 / LATITUDE_BINS
        names = [f"{a:g}-{b:g}" for a, b in itertools.pairwise(RANGE_EDGES_M)]
        for r in (r for r in results if dataset in r.curves):
            curve = r.curves[dataset]
            left.plot(centres, _floats(curve["latitude"]), marker=".", label=r.model)
            right.plot(range(len(names)), _floats(curve["range"]), marker=".", label=r.model)
        left.set(
            xlabel="latitude [deg]",
            ylabel="AbsRel (median-aligned)",
            title=f"{dataset}: by latitude",
        )
        right.set(
            xlabel="true distance [m]", title=f"{dataset}: by distance", xticks=range(len(names))
        )
        right.set_xticklabels(names, rotation=30)
        for axis in (left, right):
            axis.grid(alpha=0.3)
            axis.set_ylim(bottom=0)
        left.legend(fontsize=7)
        figures[f"error_{dataset}"] = figure
    return figures


def spread_figure(results: Sequence[Result]) -> Figure:
    """AbsRel of each model under every protocol that scores it: how far a number moves with the rule."""
    figure, axis = plt.subplots(figsize=(11, 3.8), layout="constrained")
    pairs = sorted({(d, p) for r in results for d, by in r.metrics.items() for p in by})
    for r in results:
        values = [r.metrics.get(d, {}).get(p, {}).get("absrel", np.nan) for d, p in pairs]
        axis.plot(range(len(pairs)), values, "o", label=r.model)
    axis.set(
        ylabel="AbsRel", title="The same predictions under every protocol", xticks=range(len(pairs))
    )
    axis.set_xticklabels([f"{p}\n{d}" for d, p in pairs], rotation=40, ha="right", fontsize=7)
    axis.legend(fontsize=7)
    axis.grid(alpha=0.3)
    return figure


def _floats(values: Sequence[float | None]) -> list[float]:
    return [np.nan if v is None else v for v in values]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def report(models: list[str], folder: str = "reports") -> None:
    """Writes `report.html`, `leaderboard.md` and `figures/` and prints the table.

    Args:
        models: Folders below `folder`, in the order of the legends.
        folder: Where results lie and the report goes.
    """
    root = Path(folder)
    results = [read(root / model) for model in models]
    pictures = {name: _png(f) for name, f in curve_figures(results).items()}
    pictures["spread"] = _png(spread_figure(results))
    (root / "figures").mkdir(exist_ok=True)
    for name, data in pictures.items():
        (root / "figures" / f"{name}.png").write_bytes(data)
    samples = [
        {"model": r.model, "dataset": d, "pictures": [_encoded(p) for p in _samples(r, d)]}
        for d in sorted({d for r in results for d in r.metrics})
        for r in results
        if _samples(r, d)
    ]
    all_tables = tables(results)
    page = Environment(autoescape=select_autoescape(default=True)).from_string(PAGE)
    figures = [{"title": n, "data": base64.b64encode(d).decode()} for n, d in pictures.items()]
    html = page.render(tables=all_tables, columns=COLUMNS, figures=figures, samples=samples)
    text = markdown(all_tables)
    for name, content in (("leaderboard.md", text), ("report.html", html)):
        part = root / f".{name}.part"
        part.write_text(content)
        part.replace(root / name)
    sys.stdout.write(text)


def _samples(result: Result, dataset: str) -> list[Path]:
    return sorted((result.folder / "samples" / dataset).glob("*.png"))


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


if __name__ == "__main__":
    stage_main(report, sys.argv[1], sys.argv[2:])
