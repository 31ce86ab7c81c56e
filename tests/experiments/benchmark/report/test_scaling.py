"""Figure 2 of DA²: the printed curve, and ours where rows were run."""

import numpy as np

from experiments.benchmark.report.scaling import scaling_figure

SCORES = {"da2": {row: {"val/stanford2d3d/da2_paper/absrel": [value]}
                  for row, value in (("native_only", 0.5), ("full", 0.2))}}  # fmt: skip


def test_both_curves_stand_at_the_rows_of_table_2() -> None:
    figure = scaling_figure(SCORES)
    assert figure is not None
    printed, own = figure.axes[0].get_lines()
    assert printed.get_ydata()[0] == 0.0807
    assert list(np.diff(printed.get_ydata()) < 0) == [True] * 6  # it falls with every set
    assert list(own.get_ydata()[[0, -1]]) == [0.5, 0.2]
    assert np.isnan(own.get_ydata()[1:-1]).all()


def test_no_figure_without_a_row_of_ours() -> None:
    assert scaling_figure({}) is None
    assert scaling_figure({"dap": SCORES["da2"]}) is None
