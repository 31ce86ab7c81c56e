"""A local MLflow store that was moved or copied with its checkout: artifacts are looked up here.

MLflow writes absolute locations into its database; after a move, later runs would write to the old
place, and the pictures and checkpoints of earlier ones would not be found.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns that hold locations of artifacts."""
ARTIFACTS = "mlruns"


def move_locations(database: Path) -> int:
    """Rewrite the locations below the folder where the store was made to the folder it is in now.

    Args:
        database: The SQLite file; its artifacts lie in `mlruns` beside it.

    Returns:
        How many rows were rewritten; 0 where the store is at its place.
    """
    here = (database.parent / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database, timeout=60.0)) as store:
        first = _first_location(store)
        if first is None or first == here:
            return 0
        with store:  # one transaction
            return sum(_move(store, table, column, first, here) for table, column in LOCATIONS)


def _first_location(store: sqlite3.Connection) -> str | None:
    """Return the `mlruns` that the store was made with: its first experiment lies in it."""
    if not _has(store, "experiments", "artifact_location"):
        return None
    row = store.execute(
        "SELECT artifact_location FROM experiments WHERE artifact_location LIKE ? "
        "ORDER BY experiment_id LIMIT 1",
        (f"file://%/{ARTIFACTS}/%",),
    ).fetchone()
    return None if row is None else str(row[0]).rpartition("/")[0]


def _move(store: sqlite3.Connection, table: str, column: str, old: str, new: str) -> int:
    if not _has(store, table, column):
        return 0
    # Names of tables and columns are constants of this module.
    statement = (
        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?"
    )
    below = old + "/"
    values = (new, len(old) + 1, old, len(below), below)
    return store.execute(statement, values).rowcount


def _has(store: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row[1] == column for row in store.execute(f"PRAGMA table_info({table})"))
