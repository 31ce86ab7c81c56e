"""A tiny training in a folder of its own: analytic rooms, a two-block network, seconds on one core."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from pano_data import datasets, miniatures
from pano_data.manifest import write_manifest
from pano_data.miniatures.box_studio import BoxStudio

ROOT = Path(__file__).parents[2]
STEPS = 12


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
            "augment": {"class_path": "pano_data.transforms.Compose", "init_args": {"transforms": transforms}},
        },
        "model": {
            "class_path": "experiments.da2.task.Da2Task",
            "init_args": {
                "net": {"class_path": "pano_models.DA2", "init_args": net},
                "loss": {"class_path": "pano_losses.WeightedSum", "init_args": {"terms": {"distance": term}}},
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
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DVC_ROOT": str(folder)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **own, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}


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
        command(*argv), cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300
    )  # fmt: skip
