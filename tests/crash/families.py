"""A tiny training of each family: seconds of one core, the real tasks, losses and readers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import pano_models
from tests.experiments import tiny

ENCODER = {"backbone": "resnet10t", "width": 0.125}
VIEWS = {"class_path": "experiments.depth_anywhere.views.CubeViews", "init_args": {"face_size": 32}}
PATCHES = {"depth": 4, "embed_dim": 64, "num_heads": 2}
LABELER = {"backbone_options": PATCHES, "features": 8, "level_channels": [8, 8, 8, 8]}


@dataclass(frozen=True)
class Family:
    """A training.

    Attributes:
        paper: Folder of `experiments` whose command it is.
        model: Section `model` of its values.
        data: Keys of its section `data`.
        needs: Folders of finished networks below its own that it starts from, and who writes them.
        panels: Pictures of each validation set; a network that sees no pictures alone has none.
    """

    paper: str
    model: dict[str, Any]
    data: dict[str, Any]
    needs: tuple[tuple[str, Callable[[Path], None]], ...] = ()
    panels: int = 1


def _network(name: str, options: dict[str, Any]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        torch.manual_seed(11)
        pano_models.save(pano_models.create(name, **options), folder)

    return write


def _task(task: str, net: str, options: dict[str, Any], loss: str, **more: Any) -> dict[str, Any]:
    terms = {"only": {"class_path": f"pano_losses.{loss}", "init_args": {"weight": 1.0}}}
    return {
        "class_path": f"experiments.{task}",
        "init_args": {
            "net": {"class_path": f"pano_models.{net}", "init_args": options},
            "loss": {"class_path": "pano_losses.WeightedSum", "init_args": {"terms": terms}},
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-3}},
            **more,
        },
    }


def _student() -> dict[str, Any]:
    model = _task(
        "depth_anywhere.task.DepthAnywhereTask", "UniFuse", {**ENCODER, "head": "affine"},
        "AffineInvariantL1", teacher={
            "class_path": "experiments.depth_anywhere.teacher.FolderTeacher",
            "init_args": {"model": "teacher"},
        }, views=VIEWS, protocols=["depth_anywhere_released"],
    )  # fmt: skip
    views = {"class_path": "pano_losses.ViewAffineInvariantL1", "init_args": {"weight": 0.5}}
    labelled = {"class_path": "pano_losses.AffineInvariantL1", "init_args": {"weight": 0.5}}
    model["init_args"]["loss"]["init_args"]["terms"] = {"labelled": labelled, "views": views}
    return model


def _metric(net: str, options: dict[str, Any]) -> Family:
    return Family("depth_anywhere", _task(
        "depth_anywhere.metric_task.MetricTask", net, {**options, "head": "metric"}, "BerHu"
    ), {})  # fmt: skip


STEPS = 7
SHORT = {"max_steps": STEPS, "val_check_interval": 3}
"""Three checkpoints at regular steps, one step beyond the last of them, and two validations."""
TEACHER = _network("perspective_unet", {"backbone": "resnet10t", "widths": [8, 8, 8, 8, 8]})
PICTURES = {"pictures": {"manifest": "train.parquet", "root": "raw"}}
FAMILIES: dict[str, Family] = {
    "da2": Family("da2", tiny.sections()["tiny"]["model"], {}),
    "student": Family(
        "depth_anywhere", _student(), {"unlabelled": PICTURES, "ratio": 1}, (("teacher", TEACHER),)
    ),
    "bifuse_plus": _metric("BiFusePlus", ENCODER),
    "hohonet": _metric("HoHoNet", {
        **ENCODER, "height": 32, "horizon_channels": 32, "latent_channels": 16, "components": 8,
        "heads": 2, "feedforward": 32,
    }),
    "egformer": _metric("EGFormer", {"embed_dim": 8}),
    "teacher": Family("depth_anywhere", _task(
        "depth_anywhere.teacher_task.TeacherTask", "PerspectiveUNet",
        {"backbone": "resnet10t", "widths": [8, 8, 8, 8, 8]}, "AffineInvariantL1", views=VIEWS,
    ), {}),
    "labeler": Family("dap", _task(
        "dap.task.DapTask", "DAP", {**LABELER, "thresholds": [10.0, 100.0]}, "SILog"
    ), {}),
    "discriminator": Family("dap", _task(
        "dap.discriminator_task.DiscriminatorTask", "PatchDiscriminator",
        {"width": 4, "layers": 2}, "DiscriminatorLoss", labeler="labeler", highest_rank=None,
    ), {}, (("labeler", _network("dap", LABELER)),), panels=0),
}  # fmt: skip
"""HoHoNet, EGFormer and BiFuse++ are fine-tuned on metres, UniFuse is distilled from a teacher."""


def prepare(name: str, folder: Path, scenes: int = 5) -> None:
    """Write rooms, their manifest, the values of a family, and the networks it starts from."""
    family = FAMILIES[name]
    own = tiny.sections()["tiny"]
    data, trainer = {**own["data"], **family.data}, {**own["trainer"], **SHORT}
    tiny.prepare(
        folder, scenes=scenes, model=family.model, data=data, trainer=trainer, checkpoint_every=2,
        panels=family.panels,
    )  # fmt: skip
    for place, write in family.needs:
        write(folder / place)
