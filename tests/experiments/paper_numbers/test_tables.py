"""Each of the papers' tables has numbers, and rows of ours beside them."""

from experiments.ablations import read_queue
from experiments.benchmark.report.ablation_tables import published
from experiments.benchmark.suites.catalogue import SUITES
from experiments.benchmark.suites.published import tables
from experiments.paper_numbers.__main__ import VALUES
from experiments.paper_numbers.tables import results


def test_each_table_is_that_of_a_suite_and_has_a_line() -> None:
    lines = results(VALUES)
    assert {suite.table for suite in SUITES.values()} == set(tables())
    for table in [*tables().values(), *published().values()]:
        assert f"| {table.source} |" in lines
    assert "| DA² (arXiv 2509.26618), Table 1 | 377 | suite `da2_table1`, 12 models |" in lines


def test_each_row_of_an_ablation_is_one_of_the_queue() -> None:
    for name, table in published().items():
        assert set(table.rows) <= set(read_queue()[table.ours["group"]]["rows"]), name
