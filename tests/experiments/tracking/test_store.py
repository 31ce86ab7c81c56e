from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from experiments.tracking.store import create_store


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
