from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from experiments.tracking.store import COMMON_PROTOCOL, accuracy_metrics, create_store
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


def test_scores_of_the_common_protocol_alone_are_named_accuracy() -> None:
    scores = {"absrel": 0.2, "delta1": 0.7, "rmse": 1.0}
    results = {"a": {COMMON_PROTOCOL: scores, "da2_paper": scores}, "b": {"da2_paper": scores}}
    assert accuracy_metrics(results) == {"accuracy/a/absrel": 0.2, "accuracy/a/delta1": 0.7}


def test_the_common_protocol_is_one_of_the_rulebook() -> None:
    assert resolve(COMMON_PROTOCOL).id == COMMON_PROTOCOL
