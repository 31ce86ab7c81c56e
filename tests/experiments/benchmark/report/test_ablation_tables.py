"""Rows of ablations as printed, ours beside them, and Figure 2."""

import json
from itertools import pairwise

import numpy as np
import pytest

from experiments.ablations import read_queue
from experiments.benchmark.report.ablation_tables import (
    ablation_tables,
    measured,
    published,
    read_scores,
    scaling_figure,
)

KEY = "val/{}/da2_paper/absrel"
SCORES = {
    "da2": {
        "full": {KEY.format("stanford2d3d"): [0.1, 0.3], KEY.format("matterport3d_unifuse"): [0.4],
                 "val/stanford2d3d/dap_metric/absrel": [9.0]},
        "native_only": {KEY.format("stanford2d3d"): [0.5]},
    }
}  # fmt: skip
SCALING_SCORES = {"da2": {row: {"val/stanford2d3d/da2_paper/absrel": [value]}
                  for row, value in (("native_only", 0.5), ("full", 0.2))}}  # fmt: skip


def test_every_published_row_is_a_row_of_the_queue() -> None:
    queue = read_queue()
    for name, table in published().items():
        group = queue[table.ours["group"]]
        assert set(table.rows) <= set(group["rows"]), name
        protocols = {key.split("/")[2] for key in group["scores"].values()}
        assert table.ours["protocol"] in protocols, name


def test_numbers_of_table_2_are_fractions_and_panoramas() -> None:
    """Sizes grow by the sets of Table 4, in the order of the sizes and not of the marks."""
    rows = published()["da2_table2"].rows
    assert rows["full"] == (606522, 0.0662, 0.2063, 0.9573, 0.9851)
    sizes = [values[0] for values in rows.values()]
    grown = [b - a for a, b in pairwise(sizes)]
    assert grown == [33580, 39649, 12000, 16400, 151996, 289800]


def test_ours_is_the_mean_over_seeds_and_then_over_sets_under_its_protocol() -> None:
    table = published()["da2_table2"]
    assert measured(table, SCORES, "full") == {"absrel": pytest.approx((0.2 + 0.4) / 2)}
    assert measured(table, SCORES, "plus_hypersim") == {}


def test_a_table_shows_ours_above_the_printed_row() -> None:
    tables = {table.title.split(" · ")[0]: table for table in ablation_tables(SCORES)}
    assert set(tables) == {"da2_table2", "da2_table3"}
    table = tables["da2_table2"]
    lines = [[cell.text for cell in row] for row in table.rows]
    assert lines[0] == ["native_only", "–", "0.5000", "–", "–", "–", "da2_paper", "ours"]
    assert lines[1][:3] == ["native_only", "63,097", "0.0807"]
    assert [i for i in range(len(lines)) if lines[i][-1] == "published"] == sorted(table.marked)
    assert "matterport3d_unifuse, stanford2d3d" in table.note


def test_nothing_was_run(tmp_path) -> None:
    assert read_scores(tmp_path / "ablations.json") == {}
    assert ablation_tables({}) == []
    (tmp_path / "ablations.json").write_text(json.dumps(SCORES))
    assert read_scores(tmp_path / "ablations.json") == SCORES


def test_both_curves_stand_at_the_rows_of_table_2() -> None:
    figure = scaling_figure(SCALING_SCORES)
    assert figure is not None
    printed, own = figure.axes[0].get_lines()
    assert printed.get_ydata()[0] == 0.0807
    assert list(np.diff(printed.get_ydata()) < 0) == [True] * 6  # it falls with every set
    assert list(own.get_ydata()[[0, -1]]) == [0.5, 0.2]
    assert np.isnan(own.get_ydata()[1:-1]).all()


def test_no_figure_without_a_row_of_ours() -> None:
    assert scaling_figure({}) is None
    assert scaling_figure({"dap": SCALING_SCORES["da2"]}) is None
