"""A tiny training in a folder of its own.

Analytic rooms, a two-block network, seconds on one core.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context, set_start_method
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import yaml

from experiments.training.cli import main
from pano_data import datasets, write_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

ROOT = Path(__file__).parents[2]
STEPS = 12
# A server that has imported everything forks each training: a start costs a second instead of
# twenty. It has digested all code too, which is half of a tiny training. There is one server in a
# process, and the first start decides what it has imported: evaluations are forked from it as well.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    ["tests.crash.warm", "experiments.da2.task", "experiments.benchmark.evaluate_command"]
)


def sections(**overrides: Any) -> dict[str, Any]:
    """params.yaml of the tiny training; `overrides` replace keys of its section."""
    source = {"manifest": "train.parquet", "root": "raw"}
    net = {
        "backbone": "vit_tiny_patch16_224",
        "backbone_options": {"depth": 4, "embed_dim": 48, "num_heads": 2, "drop_path_rate": 0.2},
        "width": 32, "heads": 2, "head_channels": 8, "residual_units": 1,
    }  # fmt: skip
    term = {"class_path": "pano_losses.MedianAlignedL1", "init_args": {"weight": 1.0}}
    transforms = [
        {"class_path": "pano_data.transforms.Roll"},
        {"class_path": "pano_data.transforms.Colour"},
    ]
    changes = [
        {"class_path": "kornia.augmentation.RandomPlanckianJitter"},
        {"class_path": "kornia.augmentation.ColorJitter", "init_args": {"hue": 0.1, "p": 0.5}},
    ]
    tiny = {
        "threads": 1, "checkpoint_every": 3, "panels": 1,
        "trainer": {
            "max_steps": STEPS, "val_check_interval": 2, "deterministic": True, "devices": 1,
            "accelerator": "cpu", "num_sanity_val_steps": 0, "check_val_every_n_epoch": None,
            "enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1,
        },
        "data": {
            "train": {"rooms": source}, "val": {"rooms": source}, "size": [32, 64], "batch_size": 2,
            "eval_batch_size": 2, "num_workers": 0, "seed": 3,
            "augment": {"class_path": "pano_data.transforms.Compose",
                "init_args": {"transforms": transforms}},
            "augment_batch": {"class_path": "pano_data.BatchAugmentation",
                "init_args": {"changes": changes}},
        },
        "model": {
            "class_path": "experiments.da2.task.Da2Task",
            "init_args": {
                "net": {"class_path": "pano_models.DA2", "init_args": net},
                "loss": {"class_path": "pano_losses.WeightedSum",
                    "init_args": {"terms": {"distance": term}}},
                "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-3}},
            },
        },
    }  # fmt: skip
    return {"common": {"seed_everything": 5}, "tiny": {**tiny, **overrides}}


def prepare(folder: Path, scenes: int = 5, **overrides: Any) -> None:
    """Rooms, their manifest and params.yaml in `folder`."""
    miniatures.write(
        "structured3d", folder / "raw", scenes={"train": scenes}, size=(32, 64), studio=BoxStudio()
    )
    write_manifest(
        folder / "train.parquet", datasets.get("structured3d").rows(folder / "raw", "train")
    )
    (folder / "params.yaml").write_text(yaml.safe_dump(sections(**overrides)))


def environment(folder: Path) -> dict[str, str]:
    """Environment of a process that trains in `folder`."""
    python = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    own = {"PYTHONPATH": python, "OMP_NUM_THREADS": "1", "DVC_ROOT": str(folder)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **own, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}


def start(
    folder: Path,
    *argv: str,
    variables: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> ForkServerProcess:
    """Starts the same training as `command` in a forked process.

    Its output goes to `folder/output`.

    Args:
        folder: Where `prepare` wrote.
        argv: Further arguments of the command.
        variables: Further environment variables, e.g. a rank.
        before: Called in the process before it trains.
    """
    own = {**environment(folder), **(variables or {})}
    process = FORKS.Process(target=_train_here, args=(folder, argv, own, before))
    process.start()
    return process


def print_to(path: Path) -> None:
    """Append all that this process prints to a file."""
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _train_here(
    folder: Path,
    argv: Sequence[str],
    variables: Mapping[str, str],
    before: Callable[[], None] | None,
) -> None:
    print_to(folder / "output")
    os.environ.update(variables)
    os.chdir(folder)
    set_start_method("fork", force=True)  # else the loader's workers start a server of their own
    if before is not None:
        before()
    main("da2", ["fit", "--section", "tiny", *argv])


def on_two_ranks(function: Callable[..., None], *arguments: Any) -> list[int | None]:
    """Calls `function` in two processes, with the environment that torchrun gives them.

    Exit codes by rank.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        FORKS.Process(target=_as_rank, args=(number, port, function, arguments))
        for number in (0, 1)
    ]
    try:
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(240)
    finally:
        for process in ranks:
            process.kill()
    return [process.exitcode for process in ranks]


def _as_rank(
    number: int, port: int, function: Callable[..., None], arguments: Sequence[Any]
) -> None:
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "x"}
    function(*arguments)


def command(*argv: str) -> list[str]:
    """The training's command line."""
    return [sys.executable, "-m", "experiments.da2", "fit", "--section", "tiny", *argv]


def without_drop_path() -> dict[str, Any]:
    """The tiny model without random depth: that is drawn by rank."""
    model: dict[str, Any] = sections()["tiny"]["model"]
    model["init_args"]["net"]["init_args"]["backbone_options"].pop("drop_path_rate")
    return model


def train_on_nodes(
    folder: Path, nodes: int, processes: int, *argv: str, timeout_s: float = 300
) -> list[subprocess.CompletedProcess[str]]:
    """Trains with `scripts/train_torchrun.sh` once per node, all nodes on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        master = f"127.0.0.1:{free.getsockname()[1]}"
    running = []
    for rank in range(nodes):
        place = {"NODES": nodes, "NODE_RANK": rank, "PROCESSES": processes, "MASTER": master}
        own = {**environment(folder), **{k: str(v) for k, v in place.items()}}
        words = [str(ROOT / "scripts/train_torchrun.sh"), "da2", "--section", "tiny", *argv]
        running.append(subprocess.Popen(
            words, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ))  # fmt: skip
    try:
        texts = [process.communicate(timeout=timeout_s)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    return [
        subprocess.CompletedProcess(process.args, process.returncode, text)
        for process, text in zip(running, texts, strict=True)
    ]


def train(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Trains to the end."""
    return subprocess.run(
        command(*argv), cwd=folder, env=environment(folder), capture_output=True, text=True,
        timeout=300
    )  # fmt: skip
