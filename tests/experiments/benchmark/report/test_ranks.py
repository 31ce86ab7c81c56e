"""Ranks over the columns of a suite, held to the column that DA² prints beside its Table 1."""

import pytest

from experiments.benchmark.report.ranks import mean_ranks, rank_tables
from experiments.benchmark.suites.catalogue import get
from experiments.benchmark.suites.stage import _published_rows

SUITE = get("da2_table1")
# DA² (arXiv 2509.26618), Table 1, column "Rank, zero-shot"
PRINTED = {
    "Lotus-D": 17.0, "Lotus-G": 16.17, "DepthAnything": 14.58, "DepthAnythingv2": 14.25,
    "ZoeDepth": 11.75, "360MonoDepth": 10.83, "VGGT": 8.42, "Metric3D": 7.67, "UniDepth": 7.5,
    "MoGe": 6.33, "UniDepthv2": 6.25, "Metric3Dv2": 6.08, "MoGev2": 5.58, "DepthAnyCamera": 9.75,
    "PanDA (affine)": 5.33, "UniK3D": 4.58, "DA²": 1.0,
}  # fmt: skip


def suite(*ours):
    return {
        "suite": SUITE.name,
        "datasets": [{"id": part.dataset} for part in SUITE.datasets],
        "comparable": SUITE.published.comparable,
        "rows": [*_published_rows(SUITE), *ours],
    }


def ours(dataset, protocol="da2_released", **changed):
    metrics = {"absrel": 0.01, "rmse": 0.01, "delta1": 0.99, "delta2": 0.999, "mae": 1.0, **changed}
    return {"system": "runs/da2", "source": "ours", "dataset": dataset, "protocol": protocol,
            "metrics": metrics}  # fmt: skip


SETS = [part.dataset for part in SUITE.datasets]


def test_the_printed_ranks_come_out() -> None:
    """All but PanDA's 17.50 (17.83 by its own numbers)."""
    [table] = rank_tables([suite(*(ours(d, absrel=9, rmse=999, delta1=0, delta2=0) for d in SETS))])
    ranks = {row[0].text: row[1].text for row in table.rows}
    assert {name: ranks[name] for name in PRINTED} == {n: f"{r:.2f}" for n, r in PRINTED.items()}
    assert ranks["PanDA"] == "17.83"
    assert ranks["runs/da2"] == "19.00"  # the last of nineteen
    assert ranks["UniFuse"] == "–"  # not zero-shot


def test_a_better_one_comes_first_and_moves_the_others() -> None:
    [table] = rank_tables([suite(*(ours(d) for d in SETS))])
    assert [cell.text for cell in table.rows[0]] == [
        "runs/da2", "1.00", "1.00", "measured here, da2_released",
    ]  # fmt: skip
    ranks = {row[0].text: row[1].text for row in table.rows}
    assert ranks["DA²"] == "2.00"
    assert 0 not in table.marked


@pytest.mark.parametrize(
    "rows",
    [
        [ours(d, "da2_paper") for d in SETS],  # its RMSE does not compare with the printed one
        [ours(d) for d in SETS[:2]],
        [],
    ],
)
def test_no_table_without_a_number_of_ours_in_every_column(rows) -> None:
    assert rank_tables([suite(*rows)]) == []


def test_equal_values_share_the_better_place() -> None:
    column, other = ("rooms", "absrel"), ("rooms", "delta1")
    systems = {"a": {column: 0.1, other: 0.9}, "b": {column: 0.1, other: 0.8},
               "c": {column: 0.2, other: 0.9}}  # fmt: skip
    assert mean_ranks(systems) == {"a": 1.0, "b": 2.0, "c": 2.0}
