from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow.tracking import MlflowClient

from experiments.tracking import ui
from experiments.tracking.store import create_store
from experiments.tracking.ui import links


def test_links_open_the_charts_and_the_latest_finished_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    create_store(uri)
    client = MlflowClient(uri)
    one, other = client.create_experiment("da2"), client.create_experiment("dap")
    runs = [client.create_run(one, start_time=i).info.run_id for i in range(1, 5)]
    for run in runs[:3]:
        client.set_terminated(run)
    pages = links("http://h:1", latest=2)
    assert set(pages) == {"da2", "dap"}
    assert pages["dap"] == {
        "charts": f"http://h:1/#/experiments/{other}/runs?workflowType=machine_learning&compareRunsMode=CHART"
    }
    assert unquote(pages["da2"]["compare"]) == (
        f'http://h:1/#/compare-runs?runs=["{runs[2]}","{runs[1]}"]&experiments=["{one}"]'
    )


def test_one_link_compares_the_latest_scored_run_of_each_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    create_store(uri)
    client = MlflowClient(uri)
    one, other = client.create_experiment("da2"), client.create_experiment("dap")

    def run(experiment: str, section: str, start: int, scored: bool = True) -> str:
        made = client.create_run(experiment, start_time=start, tags={"section": section})
        if scored:
            client.log_metric(made.info.run_id, "accuracy/deep360/absrel", 0.5)
        client.set_terminated(made.info.run_id)
        return str(made.info.run_id)

    run(one, "da2", 1)
    latest = run(one, "da2", 2)
    dap = run(other, "dap", 3)
    run(other, "dap_discriminator", 4, scored=False)
    pages = links("http://h:1")["all papers"]
    assert unquote(pages["charts"]) == (
        f'http://h:1/#/compare-experiments/s?experiments=["{other}","{one}"]&compareRunsMode=CHART'
    )
    assert unquote(pages["compare"]) == (
        f'http://h:1/#/compare-runs?runs=["{dap}","{latest}"]&experiments=["{other}","{one}"]'
    )


def test_of_a_server_only_the_links_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker:5000/")
    monkeypatch.setattr("sys.argv", ["ui"])
    monkeypatch.setattr("subprocess.call", lambda *_: pytest.fail("a second server was started"))
    monkeypatch.setattr(ui, "links", lambda base: {"da2": {"charts": f"{base}/#/experiments/1"}})
    assert ui.main() == 0
    assert capsys.readouterr().out == "da2 charts: http://tracker:5000/#/experiments/1\n"
