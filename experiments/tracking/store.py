"""Where runs are kept: the local SQLite store of a checkout, or the server that `MLFLOW_TRACKING_URI` names."""

import contextlib
import os
from pathlib import Path

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from pano_data import flush


def store_root() -> Path:
    """Folder of the local store: the main checkout, also when DVC runs a stage in a temporary copy."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, or a SQLite file in the checkout."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store_root() / 'mlflow.db'}"


def create_store(uri: str) -> None:
    """Makes the local store whole or not at all; nothing to do for a server.

    MLflow creates tables one by one in the final file: a kill in the middle leaves a store that never
    opens again. Here they are made under another name, and the first process to finish wins.
    """
    if not uri.startswith("sqlite:///"):
        return
    target = Path(uri.removeprefix("sqlite:///"))
    if target.exists():
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    store = SqlAlchemyStore(  # type: ignore[no-untyped-call]
        f"sqlite:///{part}", (target.parent / "mlruns").as_uri()
    )
    store.engine.dispose()
    flush(part)
    with contextlib.suppress(FileExistsError):  # `replace_file` would take a store in use away
        os.link(part, target)
    part.unlink()
    flush(target.parent)
