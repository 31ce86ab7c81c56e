"""A pipeline with one stage of every kind, on miniatures, for `dvc repro`."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from dvc.repo import Repo

import pano_models
from pano_data import datasets, write_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.crash.families import LABELER
from tests.experiments import tiny

COUNT, STEPS = 24, 24
SIZE, PICTURE = [64, 128], [48, 64]


class Stage(NamedTuple):
    """A stage of the pipeline that is killed.

    Attributes:
        words: Of its command, after `python -m`.
        out: Its output, compared file by file.
        watched: Folder of what it writes one by one.
        ending: Of these files; of a `.jsonl`, lines are counted.
        enough: How many of these lie on disk when it is killed.
    """

    words: str
    out: str
    watched: str
    ending: str
    enough: int = 2


STAGES = {
    "curation": Stage("experiments.da2.curate curation", "data/curated", "data/curated", ".bin"),
    "masks": Stage("experiments.depth_anywhere.mask masks", "data/masks", "data/masks", ".png"),
    "labels": Stage("experiments.dap.label labels", "data/pseudo", "data/pseudo", ".png"),
    "training": Stage(
        "experiments.da2 fit --section training", "runs/training", ".runs/training",
        "loss.jsonl", 8,
    ),
    "evaluation": Stage(
        "experiments.benchmark.evaluate.stage training", "reports/scores/training",
        "reports/scores/training/.journal", "",
    ),
}  # fmt: skip
UNEQUAL = {"training": ("checkpoints/final.ckpt",)}
"""Of a stage, files that hold times and places beside their numbers."""


def prepare(folder: Path) -> None:
    """Make data, a labeler of random weights, values and the pipeline."""
    studio = BoxStudio()
    for name, size, split in (
        ("hypersim", PICTURE, "train"), ("folder", SIZE, "unlabelled"),
        ("structured3d", SIZE, "train"),
    ):  # fmt: skip
        raw = folder / "data/raw" / name
        scenes = {split: COUNT}
        miniatures.write(name, raw, seed=1, scenes=scenes, size=tuple(size), studio=studio)
        own = {"masks": "none"} if name == "folder" else {}  # a row holds one mask: the stage's
        rows = datasets.get(name).rows(raw, split, **own)
        write_manifest(folder / f"data/{name}.parquet", rows)
    torch.manual_seed(1)
    pano_models.save(pano_models.create("dap", **LABELER), folder / "data/model")
    sections = sections_of()
    needs = {
        "curation": ["data/hypersim.parquet"], "masks": ["data/folder.parquet"],
        "labels": ["data/folder.parquet"], "training": ["data/structured3d.parquet"],
        "evaluation": ["data/structured3d.parquet", "runs/training"],
    }  # fmt: skip
    stages = {
        name: {
            "cmd": f"python -m {stage.words}",
            "deps": needs[name],
            "params": ["evaluate" if name == "evaluation" else name],
            "outs": [{stage.out: {"persist": True, "cache": False}}],
        }
        for name, stage in STAGES.items()
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(sections))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    Repo.init(str(folder), no_scm=True).close()


def sections_of() -> dict[str, Any]:
    """Return the values of all stages."""
    frames = {"manifest": "data/folder.parquet", "root": "data/raw/folder", "threads": 1}
    rooms = {"manifest": "data/structured3d.parquet", "root": "data/raw/structured3d"}
    training = tiny.sections()["tiny"]
    training["data"] |= {"train": {"rooms": rooms}, "val": {"rooms": rooms}, "size": SIZE}
    training["trainer"] |= {
        "max_steps": STEPS, "devices": 2, "accelerator": "cpu", "strategy": "ddp",
        "val_check_interval": STEPS // 2,
    }  # fmt: skip
    return {
        "common": {"seed_everything": 5},
        "curation": {
            "manifest": "data/hypersim.parquet", "root": "data/raw/hypersim", "chunk": 1,
            "out": STAGES["curation"].out, "picture_size": PICTURE, "p2e": {"size": SIZE},
            "outpainter": {"class_path": "pano_data.curation.ReflectionOutpainter"}, "threads": 1,
        },
        "masks": {**frames, "out": STAGES["masks"].out},
        "labels": {
            **frames, "out": STAGES["labels"].out, "model": "data/model", "size": SIZE,
            "batch_size": 1, "far_threshold": 1.0,
            "trainer": {"accelerator": "cpu", "devices": 1},
        },
        "training": training,
        "evaluate": {
            "datasets": {"structured3d": rooms}, "protocols": ["da2_paper"], "size": SIZE,
            "batch_size": 1, "threads": 1,
        },
    }  # fmt: skip
