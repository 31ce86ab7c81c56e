"""What the ablations scored, read back from MLflow, as Markdown tables."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow import MlflowClient

from experiments.ablations.plan import Run

Numbers = Mapping[str, Mapping[str, float]]


def read_scores(uri: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """`{name of the DVC experiment: {metric: last value}}` of the trainings that were finished."""
    client = MlflowClient(tracking_uri=uri)
    experiments = [e.experiment_id for e in client.search_experiments()]
    found: dict[str, dict[str, float]] = {}
    for name in names:
        filter_string = f"tags.`dvc.experiment` = '{name}' and attributes.status = 'FINISHED'"
        for run in client.search_runs(experiments, filter_string, order_by=["start_time ASC"]):
            found.setdefault(name, {}).update(run.data.metrics)
    return found


def by_row(runs: Sequence[Run], numbers: Numbers) -> dict[str, dict[str, dict[str, list[float]]]]:
    """`{group: {row: {metric: a value per seed}}}` of all validations, `val/...`."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for run in runs:
        for metric, value in numbers.get(run.name, {}).items():
            if metric.startswith("val/") and metric.count("/") == 3:
                row = found.setdefault(run.group, {}).setdefault(run.row, {})
                row.setdefault(metric, []).append(value)
    return found


def spread(values: Sequence[float]) -> str:
    """Mean and, of two and more, sample standard deviation and count."""
    if not values:
        return "not run"
    mean = f"{statistics.fmean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.4f}"


def table(group: Mapping[str, Any], runs: Sequence[Run], numbers: Numbers) -> str:
    """Rows of one group: mean ± standard deviation over seeds, and how far off the first row.

    Args:
        group: Group of the queue file.
        runs: Its runs.
        numbers: See `read_scores`.
    """
    scores: Mapping[str, str] = group["scores"]
    lines = [
        "| row | of the paper | seeds | "
        + " | ".join(f"{s}, `{protocol(k)}`" for s, k in scores.items())
        + " |",
        "| --- " * (3 + len(scores)) + "|",
    ]
    for row, what in group["rows"].items():
        mine = [numbers[r.name] for r in runs if r.row == row and r.name in numbers]
        cells = [spread([n[key] for n in mine if key in n]) for key in scores.values()]
        lines.append(f"| `{row}` | {what['table']} | {len(mine)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def protocol(metric: str) -> str:
    """Protocol id in the name of a metric, `val/<data set>/<protocol>/<metric>`."""
    return metric.split("/")[2]
