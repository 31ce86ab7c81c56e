"""What a run was made from: the commit of the checkout, and the data versions that DVC recorded."""

import logging
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

logger = logging.getLogger(__name__)

REPO = Path(__file__).parents[2]


def git_revision() -> str:
    """Return the commit of the checkout, `-dirty` appended when files differ from it.

    Outside git it is `unknown`.
    """
    try:
        head = _git("rev-parse", "HEAD")
        return f"{head}-dirty" if _git("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.strip()


def stage_data_versions(
    lock: Path = Path("dvc.lock"), stage: str | None = None, patience_s: float = 60.0
) -> dict[str, str]:
    """Return `{path: md5}` of each data dependency of the running DVC stage; empty outside DVC.

    DVC writes dvc.lock after each stage, so what came before the running stage is already in it.
    It writes in place: another line of stages may be at it now, so the file is read while nobody
    else holds DVC's lock. Empty as well, with a warning, if that takes longer than `patience_s`.
    """
    name = stage or os.environ.get("DVC_STAGE")
    if not name or not lock.is_file():
        return {}
    with _dvc_locked(lock.parent, patience_s) as repo:
        if repo is None:
            logger.warning("data versions unknown: DVC's lock was not free in %.0f s", patience_s)
            return {}
        stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {})
        here = [s for s in repo.index.stages if getattr(s, "addressing", None) == name]
        wanted = {dep.def_path for s in here for dep in s.deps}  # templates and loops resolved
    made = {out["path"]: out["md5"] for entry in stages.values() for out in entry.get("outs", [])}
    return {path: md5 for path, md5 in sorted(made.items()) if path in wanted}


@contextmanager
def _dvc_locked(folder: Path, patience_s: float) -> Iterator[Any]:
    """Hold DVC's lock, which is free while a stage runs; None if it never is."""
    from dvc.lock import LockError
    from dvc.repo import Repo

    until = time.monotonic() + patience_s
    with Repo(str(folder.absolute())) as repo:
        while True:
            try:
                repo.lock.lock()
            except LockError:
                if time.monotonic() < until:
                    continue  # DVC itself has waited for some seconds
                yield None
                return
            break
        try:
            yield repo
        finally:
            repo.lock.unlock()
