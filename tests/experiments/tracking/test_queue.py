"""Delivery against a real local MLflow store, and against one that does not answer."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from PIL import Image

from experiments.pipeline.run_folder import RunFolderError
from experiments.tracking import store
from experiments.tracking.queue import TrackingQueue
from tests.experiments import other_process


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def _start(queue: TrackingQueue, artifacts: Path) -> None:
    queue.put(
        "start",
        experiment="tests",
        artifacts=artifacts.as_uri(),
        note="",
        name="run",
        tags={"pipeline.id": "p"},
    )


def test_everything_arrives(uri: str, tmp_path: Path) -> None:
    queue = TrackingQueue(tmp_path / "queue", uri)
    picture = tmp_path / "p.png"
    Image.fromarray(np.full((4, 8, 3), 7, np.uint8)).save(picture)
    _start(queue, tmp_path / "artifacts")
    queue.put("params", values={"lr": "0.1"})
    for step in range(3):
        queue.put("metrics", values={"train/loss/total": 1.0 / (step + 1)}, step=step)
    queue.put("image", key="panels/s/0", path=str(picture), step=2)
    queue.put("artifact", path=str(picture), folder="files")
    queue.put("inputs", values={"data/manifests/x": "0" * 32 + ".dir.too-long"})
    queue.put("end", status="FINISHED")
    assert queue.close() == 0

    client = MlflowClient(uri)
    assert queue.run_id is not None
    run = client.get_run(queue.run_id)
    assert run.data.params == {"lr": "0.1"}
    assert run.data.tags["pipeline.id"] == "p"
    assert run.info.status == "FINISHED"
    assert run.inputs.dataset_inputs[0].dataset.name == "data/manifests/x"
    history = client.get_metric_history(queue.run_id, "train/loss/total")
    assert [(m.step, m.value) for m in history] == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert client.list_artifacts(queue.run_id, "files")[0].path == "files/p.png"


def test_a_resumed_run_continues_under_its_id(uri: str, tmp_path: Path) -> None:
    first = TrackingQueue(tmp_path, uri)
    _start(first, tmp_path)
    first.put("metrics", values={"m": 1.0}, step=0)
    assert first.close() == 0
    second = TrackingQueue(tmp_path, uri)
    _start(second, tmp_path)
    second.put("metrics", values={"m": 2.0}, step=1)
    assert second.close() == 0
    assert first.run_id == second.run_id
    history = MlflowClient(uri).get_metric_history(str(first.run_id), "m")
    assert [m.step for m in history] == [0, 1]


def test_what_a_killed_delivery_left_half_written_goes(uri: str, tmp_path: Path) -> None:
    queue = TrackingQueue(tmp_path / "queue", uri)
    left = [tmp_path / "queue" / name for name in (".run_id.0a1b2c3d.part", ".delivered.f.part")]
    for part in left:
        part.touch()
    _start(queue, tmp_path / "artifacts")
    assert queue.close() == 0
    assert not any(part.exists() for part in left)


def test_records_wait_while_the_server_is_away(uri: str, tmp_path: Path) -> None:
    away = TrackingQueue(tmp_path, "http://127.0.0.1:9", pause_s=0.01)
    deliver, askers = away.deliver, []
    away.deliver = lambda: (askers.append(threading.current_thread()), deliver())[1]  # type: ignore[method-assign]
    _start(away, tmp_path)
    for step in range(50):
        away.put("metrics", values={"m": float(step)}, step=step)
    assert away.close(wait_s=60) == 51
    assert askers
    assert threading.current_thread() not in askers  # the caller never waits for the server

    back = TrackingQueue(tmp_path, uri)
    assert back.deliver() == 51
    assert len(MlflowClient(uri).get_metric_history(str(back.run_id), "m")) == 50
    assert back.pending() == 0


def test_a_torn_last_line_is_not_delivered(uri: str, tmp_path: Path) -> None:
    queue = TrackingQueue(tmp_path, uri)
    _start(queue, tmp_path)
    assert queue.close() == 0
    with (tmp_path / "queue.jsonl").open("a") as file:
        file.write('{"op": "metrics", "val')
    assert queue.pending() == 0
    queue.put("metrics", values={"m": 1.0}, step=0)  # a record after the torn one still counts
    assert queue.close() == 0
    assert len(MlflowClient(uri).get_metric_history(str(queue.run_id), "m")) == 1


def test_a_refused_record_stops_no_other(uri: str, tmp_path: Path) -> None:
    queue = TrackingQueue(tmp_path, uri)
    _start(queue, tmp_path)
    queue.put("params", values={"lr": "0.1"})
    queue.put("params", values={"lr": "0.2"})  # MLflow never changes a parameter
    queue.put("artifact", path=str(tmp_path / "gone"), folder=None)
    queue.put("metrics", values={"m": 1.0}, step=0)
    assert queue.close() == 0
    refused = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [r["op"] for r in refused] == ["params", "artifact"]
    run = MlflowClient(uri).get_run(str(queue.run_id))
    assert (run.data.params["lr"], run.data.metrics["m"]) == ("0.1", 1.0)


def test_metrics_that_waited_go_in_few_requests(uri: str, tmp_path: Path) -> None:
    away = TrackingQueue(tmp_path, "http://127.0.0.1:9", pause_s=60)
    _start(away, tmp_path)
    for step in range(600):
        away.put("metrics", values={"a": float(step), "b": 1.0}, step=step)
    assert away.close(wait_s=30) == 601
    back, requests = TrackingQueue(tmp_path, uri), []
    real = store.metrics
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "metrics", lambda *a: (requests.append(len(a[2])), real(*a)))
        assert back.deliver() == 601
    assert requests == [500, 100]
    history = MlflowClient(uri).get_metric_history(str(back.run_id), "a")
    assert [m.step for m in history] == list(range(600))
    assert back.last_steps() == {"a": 599, "b": 599}


def test_only_one_process_delivers(uri: str, tmp_path: Path) -> None:
    queue = TrackingQueue(tmp_path, "http://127.0.0.1:9", pause_s=60)
    _start(queue, tmp_path)
    assert queue.close(wait_s=30) == 1
    with other_process.holding(tmp_path / "delivery"), pytest.raises(RunFolderError):
        TrackingQueue(tmp_path, uri).deliver()
    assert TrackingQueue(tmp_path, uri).deliver() == 1


def test_versions_of_a_registered_model(uri: str, tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"w")
    client = MlflowClient(uri)
    for i, score in enumerate([0.3, 0.1, 0.2]):
        queue = TrackingQueue(tmp_path / str(i), uri)
        _start(queue, tmp_path / "artifacts")
        queue.put("artifact", path=str(weights), folder="model")
        for _ in range(2):  # a finished training that is started again registers nothing new
            queue.put("register", name="da2", folder="model", score=score, tags={"paper": "da2"})
        assert queue.close() == 0
        assert not (tmp_path / str(i) / "refused.jsonl").exists()
    assert len(client.search_model_versions("name='da2'")) == 3
    best = client.get_model_version_by_alias("da2", "best")
    assert (int(best.version), float(best.tags["score"])) == (2, 0.1)
