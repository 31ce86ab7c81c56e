from pathlib import Path

from experiments.benchmark.report.results import ModelResults
from experiments.benchmark.report.tables import (
    cost_table,
    leaderboards,
    markdown,
    region_tables,
    spread_tables,
    training_set_table,
)
from tests.experiments.benchmark.scored import CURVES, metrics

COST = {
    "measured": {
        "size": [64, 128],
        "batch": 1,
        "rounds": 5,
        "threads": 1,
        "device": "CPU",
        "torch": "2",
    },
    "models": {
        "good": {
            "parameters": 2_500_000,
            "gflop": 1.24,
            "latency_ms": 20.04,
            "latency_low_ms": 19.0,
            "latency_high_ms": 22.0,
            "memory_mb": None,
        }
    },
}


def result(model, absrel, protocol="da2_paper", **more):
    scores = {"rooms": {protocol: metrics(absrel) | more}}
    return ModelResults(model, scores, CURVES, Path(model), {("rooms", protocol): 0.0123})


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_the_best_model_leads_and_is_marked():
    (table,) = leaderboards([result("bad", 0.4), result("good", 0.1)], {})
    assert [row[0].text for row in table.rows] == ["good", "bad"]
    assert table.columns == ("model", "absrel", "± 95 %", "rmse", "delta1")
    assert texts(table)[0] == ["good", "0.1000", "0.0123", "0.2000", "0.9000"]
    assert [cell.best for cell in table.rows[0]] == [False, True, False, True, True]
    assert not any(cell.best for cell in table.rows[1])


def test_a_leaderboard_says_how_many_panoramas():
    (table,) = leaderboards([result("a", 0.1, images_skipped=2.0)], {})
    assert "3 panoramas, 2 skipped" in table.note


def test_a_protocol_with_metrics_of_its_own_shows_them():
    scores = {"seam_jump": 0.2, "pole_ratio": 1.5, "images_scored": 3.0, "images_skipped": 0.0}
    own = ModelResults("a", {"rooms": {"seam": scores}}, {}, Path("a"))
    (table,) = leaderboards([own], COST)
    assert table.columns == ("model", "seam_jump", "pole_ratio")


def test_a_number_that_does_not_exist_is_a_dash_and_never_the_best():
    (table,) = leaderboards([result("a", float("nan")), result("b", 0.3)], {})
    assert {row[0].text: (row[1].text, row[1].best) for row in table.rows} == {
        "a": ("–", False),
        "b": ("0.3000", True),
    }


def test_cost_stands_beside_the_scores():
    (table,) = leaderboards([result("good", 0.1), result("unmeasured", 0.2)], COST)
    assert table.columns[-4:] == ("M parameters", "GFLOP", "ms", "MB")
    assert texts(table)[0][-4:] == ["2.5", "1.24", "20", "–"]
    assert texts(table)[1][-4:] == ["–"] * 4


def test_the_cost_table_says_how_it_was_measured():
    table = cost_table(COST)
    assert "64x128" in table.note
    assert "median of 5 rounds" in table.note
    assert texts(table) == [["good", "2.5", "1.24", "20", "19.0 to 22.0", "–"]]
    assert cost_table({}) is None


def test_the_spread_is_the_ratio_of_the_extremes():
    scores = {"rooms": {"da2_paper": metrics(0.1), "dap_metric": metrics(0.25)}}
    table = spread_tables([ModelResults("a", scores, {}, Path("a")), result("b", 0.2)])["rooms"]
    assert table.columns == ("model", "da2_paper", "dap_metric", "max / min")
    assert texts(table) == [["a", "0.1000", "0.2500", "2.50"], ["b", "0.2000", "–", "1.00"]]


def test_seam_and_poles_have_a_table_a_data_set():
    (table,) = region_tables([result("a", 0.1)], "the rule")
    assert table.columns == ("model", "seam", "poles", "elsewhere")
    assert texts(table) == [["a", "0.4000", "0.3000", "0.1000"]]


def test_markdown_is_a_table_with_the_best_in_bold():
    lines = markdown(leaderboards([result("a", 0.1)], {})).splitlines()
    assert lines[0] == "## rooms · da2_paper"
    assert lines[4] == "| model | absrel | ± 95 % | rmse | delta1 |"
    assert lines[6] == "| a | **0.1000** | 0.0123 | **0.2000** | **0.9000** |"


def test_what_each_training_set_added(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "runs" / "da2" / "shares.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(
        '{"step": 1, "loss": {"native": 0.799, "projected": 0.2, "lost": 0.001}}\n'
        '{"step": 2, "loss": {}, "gradient": {"native": 3.0, "projected": 1.0}}\n'
    )
    table = training_set_table(["baseline_constant", "da2"])
    assert texts(table) == [
        ["da2", "native", "79.9%", "75.0%"],
        ["da2", "projected", "20.0%", "25.0%"],
        ["da2", "lost", "0.1% (below 0.5 %)", "–"],
    ]
    assert training_set_table(["baseline_constant"]) is None
