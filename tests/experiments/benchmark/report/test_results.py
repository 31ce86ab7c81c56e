import json

import numpy as np
import pandas as pd
import pytest

from experiments.benchmark.report.results import (
    UnlabelledNumberError,
    absrel_intervals,
    read_gallery,
    read_json,
    read_results,
    scored_pairs,
)
from tests.experiments.benchmark.scored import metrics, write_result


def test_a_model_is_read_as_it_was_scored(tmp_path):
    scores = {"rooms": {"da2_paper": metrics(0.1)}, "streets": {"dap_metric": metrics(0.3)}}
    result = read_results(write_result(tmp_path, "ours", scores))
    assert result.model == "ours"
    assert result.get("rooms", "da2_paper")["absrel"] == 0.1
    assert result.get("streets", "da2_paper") is None
    assert scored_pairs([result]) == [("rooms", "da2_paper"), ("streets", "dap_metric")]


@pytest.mark.parametrize("label", ["", "my_rule", "AbsRel"])
def test_a_number_without_a_protocol_is_refused(tmp_path, label):
    folder = write_result(tmp_path, "ours", {"rooms": {label: metrics(0.1)}})
    with pytest.raises(UnlabelledNumberError, match="expected protocols of pano_losses"):
        read_results(folder)


def test_the_interval_is_that_of_a_mean():
    values = np.random.default_rng(0).normal(0.2, 0.05, 400)
    table = pd.DataFrame({"dataset": "rooms", "protocol": "da2_paper", "absrel": values})
    found = absrel_intervals(table)["rooms", "da2_paper"]
    assert found == pytest.approx(1.96 * 0.05 / 20, rel=0.1)


def test_an_image_that_was_not_scored_is_not_in_the_interval():
    table = pd.DataFrame(
        {"dataset": "rooms", "protocol": "da2_paper", "absrel": [0.1, np.nan, 0.3]}
    )
    assert absrel_intervals(table)["rooms", "da2_paper"] == pytest.approx(1.96 * 0.1)


def test_what_a_pipeline_lacks_is_empty(tmp_path):
    assert read_json(tmp_path / "cost.json") == {}
    assert read_gallery(tmp_path / "index.json") == {}


def test_a_gallery_number_without_a_protocol_is_refused(tmp_path):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"rooms": [{"scores": {"ours": {"absrel": 0.1}}}]}))
    with pytest.raises(UnlabelledNumberError, match="rooms"):
        read_gallery(path)
