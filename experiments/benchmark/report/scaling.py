"""Figure 2 of DA²: error over the sets that were trained on, as printed and as measured here."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from experiments.benchmark.report.ablation_tables import Scores, measured, published

TABLE = "da2_table2"
METRICS = ("absrel", "rmse", "delta1", "delta2")
SIZE_INCHES = (8.0, 5.6)


def scaling_figure(scores: Scores) -> Figure | None:
    """Plot each metric over the rows of Table 2; None where none of them was run here.

    The axis has a place for each row, not for each number of panoramas: with other sets the rows
    are the same and the numbers are not.
    """
    table = published()[TABLE]
    ours = {row: measured(table, scores, row) for row in table.rows}
    if not any(ours.values()):
        return None
    figure, axes = plt.subplots(2, 2, figsize=SIZE_INCHES, layout="constrained", sharex=True)
    places = np.arange(len(table.rows))
    for axis, metric in zip(axes.flat, METRICS, strict=True):
        column = table.columns.index(metric)
        printed = [values[column] for values in table.rows.values()]
        own = [ours[row].get(metric, np.nan) for row in table.rows]
        axis.plot(places, printed, "o--", color="0.5", label="published")
        axis.plot(places, own, "s-", color="tab:blue", label="measured here")
        axis.set_ylabel(metric)
        axis.grid(alpha=0.3)
        axis.set_xticks(places, [row.replace("_", " ") for row in table.rows], rotation=35)
        axis.tick_params(axis="x", labelsize=7)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle("DA², Figure 2: what each curated set adds")
    return figure
