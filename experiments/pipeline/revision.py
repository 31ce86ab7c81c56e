"""What a run was made from: the commit of the checkout, and the data versions that DVC recorded."""

import os
import subprocess
from pathlib import Path

import yaml

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


def stage_data_versions(lock: Path = Path("dvc.lock"), stage: str | None = None) -> dict[str, str]:
    """Return `{path: md5}` of each data dependency of the running DVC stage; empty outside DVC.

    DVC writes dvc.lock after each stage, so what came before the running stage is already in it.
    """
    name = stage or os.environ.get("DVC_STAGE")
    if not name or not lock.is_file():
        return {}
    stages = yaml.safe_load(lock.read_text()).get("stages", {})
    made = {out["path"]: out["md5"] for entry in stages.values() for out in entry.get("outs", [])}
    wanted = _stage_dependencies(name)
    return {path: md5 for path, md5 in sorted(made.items()) if path in wanted}


def _stage_dependencies(name: str) -> set[str]:
    """Return the paths a stage depends on, as DVC itself resolves them (templates, foreach)."""
    from dvc.repo import Repo

    with Repo(str(Path.cwd())) as repo:
        stages = [s for s in repo.index.stages if getattr(s, "addressing", None) == name]
        return {dep.def_path for s in stages for dep in s.deps}
