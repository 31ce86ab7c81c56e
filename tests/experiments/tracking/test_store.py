"""A checkout that was moved: artifacts of earlier and of later runs lie in it."""

import os
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from experiments.tracking.store import (
    COMMON_PROTOCOL,
    accuracy_metrics,
    create_store,
    move_locations,
)
from pano_losses import resolve


def test_the_local_store_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("experiments.tracking.store.os.link", killed)
        with pytest.raises(KeyboardInterrupt):
            create_store(uri)
    assert not (tmp_path / "mlflow.db").exists()
    create_store(uri)
    MlflowClient(uri).create_experiment("works")
    create_store(uri)  # a store that is there stays
    assert MlflowClient(uri).get_experiment_by_name("works") is not None


def test_parts_of_killed_processes_go_and_those_of_others_stay(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    create_store(uri)
    dead = 2**22 + 1  # beyond the largest number of a process
    names = {f".mlflow.db.{dead}.part", f".mlflow.db.{dead}.part-journal"}
    others = {f".mlflow.db.{os.getppid()}.part", ".mlflow.db.lock", ".mlflow.db.x.part"}
    for name in names | others:
        (tmp_path / name).touch()
    create_store(uri)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", *others}


def test_scores_of_the_common_protocol_alone_are_named_accuracy() -> None:
    scores = {"absrel": 0.2, "delta1": 0.7, "rmse": 1.0}
    results = {"a": {COMMON_PROTOCOL: scores, "da2_paper": scores}, "b": {"da2_paper": scores}}
    assert accuracy_metrics(results) == {"accuracy/a/absrel": 0.2, "accuracy/a/delta1": 0.7}


def test_the_common_protocol_is_one_of_the_rulebook() -> None:
    assert resolve(COMMON_PROTOCOL).id == COMMON_PROTOCOL


def uri_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def log_note(folder: Path, name: str) -> str:
    """Log a file to a run of the experiment `da2` as a training does; return the run's id."""
    create_store(uri_of(folder))
    client = MlflowClient(uri_of(folder))
    found = client.get_experiment_by_name("da2")
    at = (folder / "mlruns").as_uri()
    experiment = found.experiment_id if found else client.create_experiment("da2", at)
    run = client.create_run(experiment, run_name=name)
    note = folder / "note.txt"
    note.write_text(name)
    client.log_artifact(run.info.run_id, str(note))
    return run.info.run_id


def test_runs_before_and_after_a_move_are_found_and_the_old_place_stays_empty(tmp_path):
    old, new = tmp_path / "A" / "pano", tmp_path / "B" / "pano 2%"
    old.mkdir(parents=True)
    first = log_note(old, "first")
    new.parent.mkdir()
    old.rename(new)
    second = log_note(new, "second")
    client = MlflowClient(uri_of(new))
    for run, text in ((first, "first"), (second, "second")):
        assert [file.path for file in client.list_artifacts(run)] == ["note.txt"]
        assert Path(client.download_artifacts(run, "note.txt")).read_text() == text
    assert not old.exists()


def test_a_store_at_its_place_is_left_as_it_is(tmp_path):
    log_note(tmp_path, "first")
    before = (tmp_path / "mlflow.db").read_bytes()
    assert move_locations(tmp_path / "mlflow.db") == 0
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_locations_elsewhere_stay(tmp_path):
    """A bucket or a folder whose name only begins alike is no part of the store."""
    old, new = tmp_path / "pano", tmp_path / "moved"
    old.mkdir()
    create_store(uri_of(old))
    client = MlflowClient(uri_of(old))
    elsewhere = {"bucket": "s3://bucket/mlruns", "alike": (tmp_path / "pano" / "mlruns2").as_uri()}
    for name, place in elsewhere.items():
        client.create_experiment(name, place)
    old.rename(new)
    assert move_locations(new / "mlflow.db") == 1  # the default experiment
    moved = MlflowClient(uri_of(new))
    for name, place in elsewhere.items():
        assert moved.get_experiment_by_name(name).artifact_location == place
