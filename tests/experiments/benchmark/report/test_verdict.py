"""The verdict in words, on scores whose order is known."""

import numpy as np
import pandas as pd
import pytest

from experiments.benchmark.report.results import read_results
from experiments.benchmark.report.verdict import paired_interval, verdict_table, verdicts
from tests.experiments.benchmark.scored import metrics, write_result

PROTOCOL = "depth_anywhere_released"


@pytest.fixture
def results(tmp_path):
    def scored(model, absrel, per_image=None, protocol=PROTOCOL):
        images = {("rooms", protocol): per_image} if per_image else None
        folder = write_result(tmp_path, model, {"rooms": {protocol: metrics(absrel)}}, images)
        return read_results(folder)

    return [
        scored("second", 0.25, [0.2, 0.25, 0.3]),
        scored("first", 0.2, [0.16, 0.2, 0.24]),
        scored("lost", 0.45),
        scored("metric_only", 0.1, protocol="dap_metric"),
        scored("baseline_constant", 0.4),
        scored("baseline_latitude", 0.5),
    ]


def test_names_the_best_and_its_margins(results):
    (verdict,) = verdicts(results, PROTOCOL)
    assert (verdict.dataset, verdict.best) == ("rooms", "first")
    assert verdict.sentences[0] == (
        "Best network: first, AbsRel 0.200, 50 % less than a constant distance (0.400) and "
        "60 % less than the mean by latitude (0.500)."
    )


def test_the_next_one_is_compared_on_the_same_panoramas(results):
    (verdict,) = verdicts(results, PROTOCOL)
    assert verdict.sentences[1] == (
        "Next: second, +0.050 on the same panorama (95 % interval over 3 panoramas +0.040 to "
        "+0.060, clear of 0)."
    )


def test_networks_that_a_baseline_beats_and_those_without_a_score_are_named(results):
    (verdict,) = verdicts(results, PROTOCOL)
    assert verdict.sentences[2:] == (
        "No better than a constant distance (0.400): lost (0.450).",
        "Without a score here: metric_only.",
    )


def test_a_best_network_behind_the_baselines_is_not_praised(results):
    (verdict,) = verdicts(
        [r for r in results if r.model in ("lost", "baseline_constant")], PROTOCOL
    )
    assert verdict.sentences == (
        "Best network: lost, AbsRel 0.450, 12 % more than a constant distance (0.400).",
        "No better than a constant distance (0.400): lost (0.450).",
    )


def test_without_any_network_it_says_so(results):
    (verdict,) = verdicts(results, "panda_affine")
    assert verdict.best is None
    assert verdict.sentences == ("No network has an AbsRel under panda_affine.",)
    assert verdict_table(results, "panda_affine") is None


def test_the_table_marks_the_best(results):
    table = verdict_table(results, PROTOCOL)
    assert table.columns == ("model", "rooms")
    assert [(row[0].text, row[1].text) for row in table.rows if row[1].best] == [("first", "0.200")]
    assert [row[1].text for row in table.rows if row[0].text == "metric_only"] == ["–"]


def test_panoramas_are_paired_by_key_and_only_common_ones_count():
    first = pd.Series([0.1, 0.2, 0.9], index=["a", "b", "only here"])
    second = pd.Series([0.4, 0.3, np.nan], index=["b", "a", "c"])
    mean, low, high, count = paired_interval(first, second)
    assert count == 2
    assert (mean, low, high) == pytest.approx((0.2, 0.2, 0.2))


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(0.02, 0.05, 400)
    keys = [str(i) for i in range(400)]
    zero = pd.Series(0.0, index=keys)
    mean, low, high, _ = paired_interval(zero, pd.Series(values, index=keys))
    half = 1.96 * values.std(ddof=1) / 20
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.1 * half)


@pytest.mark.parametrize("first", [None, pd.Series([0.1], index=["a"])])
def test_too_few_panoramas_give_no_interval(first):
    assert paired_interval(first, pd.Series([0.1], index=["a"])) is None
