"""Suites beside the published numbers; ranks held to the column that DA² prints beside Table 1."""

import json

import pytest

from experiments.benchmark.report.results import UnlabelledNumberError
from experiments.benchmark.report.suite_tables import (
    LEGEND,
    mean_ranks,
    rank_tables,
    read_suites,
    suite_tables,
)
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


def row(system, source, absrel, protocol="da2_paper", **more):
    about = {"system": system, "source": source, "dataset": "stanford2d3d", "protocol": protocol}
    return about | {"metrics": {"absrel": absrel}, "expected": 1413} | more


def suite(*rows):
    about = {"suite": "da2_table1", "title": "Zero-shot", "source": "DA², table 1"}
    return {**about, "notes": ["DAC may be copied."], "rows": list(rows)}


def texts(table):
    return [[cell.text for cell in cells] for cells in table.rows]


def test_ours_stands_beside_the_published_number_with_the_difference():
    theirs = row("DA²", "published", 0.0723, category="zero-shot")
    difference = {"DA²": {"absrel": 0.0177}}
    ours = row("runs/da2", "ours", 0.09, count=40, partial=True, difference=difference)
    (table,) = suite_tables([suite(theirs, ours)])
    assert table.title == "da2_table1 · stanford2d3d"
    assert table.note == "Zero-shot. DA², table 1."
    assert table.doubts == "DAC may be copied."
    assert texts(table) == [
        ["runs/da2", "0.0900", "da2_paper", "40 of 1413, partial", "measured here"],
        ["↳ less DA²", "+0.0177", "", "", "difference"],
        ["DA²", "0.0723", "da2_paper", "1413", "zero-shot"],
    ]
    assert table.marked == {2}


def test_a_protocol_that_the_paper_does_not_name_is_marked():
    (table,) = suite_tables([suite(row("DAC", "published", 0.15, protocol_stated=False))])
    assert texts(table)[0][2] == "da2_paper †"
    assert table.note.endswith(LEGEND)


def test_a_system_without_numbers_at_hand_is_listed():
    (table,) = suite_tables(
        [suite(row("A", "published", 0.1), row("B", "published", 0) | {"metrics": {}})]
    )
    assert texts(table)[1][:2] == ["B", "–"]


def test_the_best_of_ours_is_marked_by_protocol_and_never_a_published_one():
    rows = [row("a", "ours", 0.2), row("b", "ours", 0.3), row("p", "published", 0.1)]
    (table,) = suite_tables([suite(*rows, row("c", "ours", 0.4, protocol="da2_released"))])
    assert {cells[0].text: cells[1].best for cells in table.rows} == {
        "a": True,
        "b": False,
        "c": True,
        "p": False,
    }


def test_ours_are_ordered_within_a_protocol_and_never_across_two():
    rows = [row("a", "ours", 0.2, "da2_released"), row("b", "ours", 0.4), row("a", "ours", 0.3)]
    (table,) = suite_tables([suite(*rows) | {"protocols": ["da2_paper", "da2_released"]}])
    assert [line[1:3] for line in texts(table)] == [
        ["0.3000", "da2_paper"],
        ["0.4000", "da2_paper"],
        ["0.2000", "da2_released"],
    ]


def test_only_metrics_that_the_paper_prints_are_shown():
    ours = row("a", "ours", 0.2) | {"metrics": {"absrel": 0.2, "log10": 0.1, "images_scored": 3}}
    (table,) = suite_tables([suite(ours, row("p", "published", 0.1))])
    assert table.columns == ("system", "absrel", "protocol", "panoramas", "source")


def test_suites_are_read_by_name(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(suite(row("a", "ours", 0.2))))
    assert [s["suite"] for s in read_suites(tmp_path)] == ["da2_table1"]
    assert read_suites(tmp_path / "missing") == []


@pytest.mark.parametrize("protocol", [None, "median aligned"])
def test_a_published_number_without_a_protocol_is_refused(tmp_path, protocol):
    bad = row("a", "published", 0.2, protocol=protocol)
    (tmp_path / "s.json").write_text(json.dumps(suite(bad)))
    with pytest.raises(UnlabelledNumberError, match="da2_table1"):
        read_suites(tmp_path)


def test_remarks_about_systems_stand_in_the_note():
    rows = [row(name, "published", 0.1, note="number not at hand") for name in ("MoGe", "VGGT")]
    [table] = suite_tables([suite(*rows, row("DAC", "published", 0.2, note="may be copied"))])
    assert "MoGe, VGGT: number not at hand. DAC: may be copied." in table.doubts


def test_a_suite_of_several_sets_ends_with_the_mean_over_them():
    other = {"dataset": "panosuncg"}
    rows = [
        row("a", "ours", 0.2, count=40, partial=True),
        row("a", "ours", 0.4, count=20, **other),
        row("b", "ours", 0.1, count=40),  # not on both sets: no mean
        row("p", "published", 0.1),
        row("p", "published", 0.2) | other,
    ]
    tables = suite_tables([suite(*rows)])
    assert [t.title for t in tables][-1] == "da2_table1 · mean of 2 data sets"
    assert texts(tables[-1]) == [
        ["a", "0.3000", "da2_paper", "60 of 2826, partial", "measured here"],
        ["p", "0.1500", "da2_paper", "2826", "published"],
    ]
    assert len(suite_tables([suite(*rows[3:])])) == 2  # nothing of ours: nothing to average for


def ranked_suite(*ours):
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
    [table] = rank_tables(
        [ranked_suite(*(ours(d, absrel=9, rmse=999, delta1=0, delta2=0) for d in SETS))]
    )
    ranks = {row[0].text: row[1].text for row in table.rows}
    assert {name: ranks[name] for name in PRINTED} == {n: f"{r:.2f}" for n, r in PRINTED.items()}
    assert ranks["PanDA"] == "17.83"
    assert ranks["runs/da2"] == "19.00"  # the last of nineteen
    assert ranks["UniFuse"] == "–"  # not zero-shot


def test_a_better_one_comes_first_and_moves_the_others() -> None:
    [table] = rank_tables([ranked_suite(*(ours(d) for d in SETS))])
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
    assert rank_tables([ranked_suite(*rows)]) == []


def test_equal_values_share_the_better_place() -> None:
    column, other = ("rooms", "absrel"), ("rooms", "delta1")
    systems = {"a": {column: 0.1, other: 0.9}, "b": {column: 0.1, other: 0.8},
               "c": {column: 0.2, other: 0.9}}  # fmt: skip
    assert mean_ranks(systems) == {"a": 1.0, "b": 2.0, "c": 2.0}
