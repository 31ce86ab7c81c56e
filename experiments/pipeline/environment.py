"""Where and from what a run was made: code revision, data version, threads, ranks."""

import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import torch
import yaml

REPO = Path(__file__).parents[2]


def set_threads(threads: int) -> None:
    """Fix the number of CPU threads: sums over threads differ in their last digits otherwise.

    How they wait for each other is decided before torch is loaded, in `experiments/__init__.py`.
    """
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)


def global_rank() -> int:
    """Rank of this process under torchrun, SLURM or Lightning's launcher (0 when alone)."""
    return int(
        os.environ.get("RANK")
        or os.environ.get("SLURM_PROCID")
        or os.environ.get("LOCAL_RANK")
        or 0
    )


def world_size() -> int:
    """Number of processes under torchrun or SLURM (1 when alone)."""
    return int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1)


class WorldError(ValueError):
    """Processes, devices and batch do not fit each other."""


def checked_world(devices: object, nodes: int) -> int:
    """Number of ranks of a training.

    Args:
        devices: `trainer.devices`; a number, or anything Lightning takes, which then is believed.
        nodes: `trainer.num_nodes`.

    Raises:
        WorldError: A launcher has started another number of processes than the trainer expects.
    """
    if not str(devices).isdigit():
        return world_size()
    expected = int(str(devices)) * nodes
    check_launched(expected)
    return expected


def check_launched(expected: int) -> None:
    """Refuses to go on as another number of ranks than a launcher has started.

    Args:
        expected: Ranks that the trainer counts: `trainer.devices` x `trainer.num_nodes`.

    Raises:
        WorldError: torchrun or SLURM has started more processes, or fewer.
    """
    launched = bool(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS"))
    if launched and world_size() != expected:
        raise WorldError(
            f"got {world_size()} processes from the launcher, expected trainer.devices x "
            f"trainer.num_nodes = {expected}; start as many, or change --trainer.devices and "
            "--trainer.num_nodes"
        )


def accumulation(global_batch: int, batch_size: int, world: int) -> int:
    """Batches to accumulate so that each optimiser step sees `global_batch` samples.

    Raises:
        WorldError: The ranks cannot share the batch evenly.
    """
    together = batch_size * world
    if global_batch < 1 or global_batch % together:
        raise WorldError(
            f"got global_batch {global_batch}, expected a multiple of batch_size {batch_size} x {world} "
            f"ranks = {together}; change --data.batch_size, the number of ranks or --global_batch"
        )
    return global_batch // together


def git_revision() -> str:
    """Commit of the checkout, with `-dirty` appended when files differ from it; `unknown` outside git."""
    try:
        head = _git("rev-parse", "HEAD")
        return f"{head}-dirty" if _git("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.strip()


def code_digest(packages: Iterable[Path]) -> str:
    """SHA-256 over the Python files below `packages` (paths relative to the repository, and bytes)."""
    digest = hashlib.sha256()
    for path in sorted(p for folder in packages for p in folder.rglob("*.py")):
        digest.update(str(path.relative_to(REPO)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def stage_data_versions(lock: Path = Path("dvc.lock"), stage: str | None = None) -> dict[str, str]:
    """MD5 of each data dependency of the running DVC stage: `{path: md5}`, empty outside of DVC.

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
    """Paths the stage `name` depends on, resolved by DVC itself (templates, foreach, matrix)."""
    from dvc.repo import Repo

    with Repo(str(Path.cwd())) as repo:
        stages = [s for s in repo.index.stages if getattr(s, "addressing", None) == name]
        return {dep.def_path for s in stages for dep in s.deps}
