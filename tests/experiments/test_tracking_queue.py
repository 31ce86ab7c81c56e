"""Delivery against a real local MLflow store, and against one that does not answer."""

import time
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from PIL import Image

from experiments.common.tracking_queue import TrackingQueue, create_store


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


def test_records_wait_while_the_server_is_away(uri: str, tmp_path: Path) -> None:
    away = TrackingQueue(tmp_path, "http://127.0.0.1:9", pause_s=0.01)
    started = time.perf_counter()
    _start(away, tmp_path)
    for step in range(50):
        away.put("metrics", values={"m": float(step)}, step=step)
    assert time.perf_counter() - started < 2  # the caller never waits for the server
    assert away.close(wait_s=30) == 51

    back = TrackingQueue(tmp_path, uri)
    assert back.deliver() == 51
    assert len(MlflowClient(uri).get_metric_history(str(back.run_id), "m")) == 50
    assert back.pending() == 0


def test_the_local_store_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("experiments.common.tracking_queue.os.link", killed)
        with pytest.raises(KeyboardInterrupt):
            create_store(uri)
    assert not (tmp_path / "mlflow.db").exists()
    create_store(uri)
    MlflowClient(uri).create_experiment("works")
    create_store(uri)  # a store that is there stays
    assert MlflowClient(uri).get_experiment_by_name("works") is not None


def test_a_torn_last_line_is_not_delivered(uri: str, tmp_path: Path) -> None:
    queue = TrackingQueue(tmp_path, uri)
    _start(queue, tmp_path)
    assert queue.close() == 0
    with (tmp_path / "queue.jsonl").open("a") as file:
        file.write('{"op": "metrics", "val')
    assert queue.pending() == 0
