import mlflow
import pytest

from experiments.ablations import by_row, protocol, read_queue, read_scores, runs, spread, table

KEY = "val/stanford2d3d/da2_paper/absrel"
GROUP = {
    "scores": {"AbsRel": KEY},
    "rows": {
        "full": {"table": "T, 1", "seeds": [1, 2], "set": []},
        "less": {"table": "T, 2", "seeds": [1], "set": []},
    },
    "paper": "P",
    "section": "s",
    "target": "t",
}


def test_spread() -> None:
    assert spread([]) == "not run"
    assert spread([0.25]) == "0.2500"
    assert spread([0.1, 0.3]) == "0.2000 ± 0.1414"


def test_protocol() -> None:
    assert protocol(KEY) == "da2_paper"


def test_table_counts_the_seeds_that_ran() -> None:
    planned = runs({"g": GROUP})
    text = table(GROUP, planned, {"g-full-s1": {KEY: 0.1}, "g-full-s2": {KEY: 0.3}})
    lines = text.splitlines()
    assert lines[0] == "| row | of the paper | seeds | AbsRel, `da2_paper` |"
    assert lines[2:] == [
        "| `full` | T, 1 | 2 | 0.2000 ± 0.1414 |",
        "| `less` | T, 2 | 0 | not run |",
    ]


def test_scores_come_from_finished_runs_only(tmp_path) -> None:
    uri = f"sqlite:///{tmp_path / 'store.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("paper")
    for name, value, status in (("a", 0.5, "FINISHED"), ("b", 0.7, "FAILED")):
        run = client.create_run(experiment, tags={"dvc.experiment": name})
        client.log_metric(run.info.run_id, KEY, value)
        client.set_terminated(run.info.run_id, status)
    assert read_scores(uri, ["a", "b", "c"]) == {"a": {KEY: pytest.approx(0.5)}}


def test_every_score_of_the_queue_names_its_protocol() -> None:
    from pano_losses import protocols

    for group in read_queue().values():
        assert {protocol(key) for key in group["scores"].values()} <= set(protocols)


def test_validations_by_row_are_those_of_all_seeds() -> None:
    planned = runs({"g": GROUP})
    numbers = {"g-full-s1": {KEY: 0.1, "loss": 1.0}, "g-full-s2": {KEY: 0.3}, "other": {KEY: 9.0}}
    assert by_row(planned, numbers) == {"g": {"full": {KEY: [0.1, 0.3]}}}
