"""What the trainings of a values file cost.

FLOPs are counted on the meta device (no weights, no data). The GPU-hours hold if the GPUs reach
`MFU` of their peak; recomputation by gradient checkpointing is no model FLOP and is in that share.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from experiments.estimate.sizes import UNLABELLED_PANORAMAS, size_of
from experiments.pipeline import params
from pano_data import split_batch
from pano_models import DepthModel

PEAK, PEAK_TF32 = 989e12, 494.7e12  # FLOP/s of an H100 SXM, dense, bfloat16 and TF32; data sheet
MFU = 0.45
TRAINING = 3  # a backward pass costs two forward passes
_FREE = ("backbone_weights", "precision", "gradient_checkpointing")
FACES, FACE_PIXELS = 6, 518  # views per panorama, and their size at the teacher (Depth Anywhere)


@dataclass(frozen=True)
class Cost:
    """Cost of one stage.

    Attributes:
        steps: Optimiser steps, or batches where nothing is trained.
        samples: Panoramas that the network sees.
        flops: Of the network and, in Depth Anywhere, its teacher.
        peak: FLOP/s of a GPU in the precision that they run in.
    """

    steps: int
    samples: int
    flops: float
    peak: float = PEAK

    @property
    def gpu_hours(self) -> float:
        """Hours of one H100 at `MFU`."""
        return hours(self.flops, self.peak)


def hours(flops: float, peak: float = PEAK) -> float:
    """Return the hours of one H100 at `MFU`."""
    return flops / (peak * MFU) / 3600


def peak_of(net: Mapping[str, Any], trainer: Mapping[str, Any] | None = None) -> float:
    """Return the peak of a network: in bfloat16 where its options or its trainer say so.

    What they leave in float32 is multiplied as TF32 (`experiments.pipeline.stage`).

    Args:
        net: `class_path` and `init_args`.
        trainer: Of the training.
    """
    own = (net.get("init_args") or {}).get("precision")
    mixed = str((trainer or {}).get("precision", "")).startswith("bf16")
    return PEAK if mixed or own == "bfloat16" else PEAK_TF32


def build(config: Mapping[str, Any], device: str = "meta") -> nn.Module:
    """Build the network of a section, without what does not change its FLOPs."""
    module, name = config["class_path"].rsplit(".", 1)
    options = {k: v for k, v in config.get("init_args", {}).items() if k not in _FREE}
    with torch.device(device):
        network: nn.Module = getattr(importlib.import_module(module), name)(**options)
    if isinstance(network, DepthModel):
        checked: Any = network.get_submodule("input")
        checked.check(
            torch.zeros(1, 3, 2, 4)
        )  # the first input's range is looked at: one of values
    return network.eval()


def forward_flops(network: nn.Module, shape: tuple[int, ...], device: str = "meta") -> int:
    """Count the FLOPs of one forward pass."""
    switches: Any = importlib.import_module("torch.fx.experimental._config")
    # Resampling looks for the pixels near the seam; without values, all of them are taken to be.
    seams = switches.patch(meta_nonzero_assume_all_nonzero=True)
    with seams, torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(shape, device=device))
    return int(counter.get_total_flops())


def network_flops(config: Mapping[str, Any], shape: tuple[int, ...]) -> int:
    """Count the FLOPs of one forward pass of a section's network.

    On the meta device; on the CPU if the network has an autocast region, which "meta" does not
    know.
    """
    try:
        return forward_flops(build(config), shape)
    except RuntimeError as error:
        if not any(word in str(error) for word in ("autocast", "scalarType")):
            raise
    return forward_flops(build(config, "cpu"), shape, "cpu")


def teacher_flops() -> int:
    """Count the forward FLOPs of Depth Anything ViT-L for the six faces of one panorama.

    Needs transformers: the extra `pano-models[teachers]`.
    """
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    large: dict[str, Any] = {
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14,
        "image_size": FACE_PIXELS, "out_indices": [21, 22, 23, 24],
        "apply_layernorm": True, "reshape_hidden_states": False,
    }  # fmt: skip
    backbone = Dinov2Config(**large)
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=1024, fusion_hidden_size=256,
        neck_hidden_sizes=[256, 512, 1024, 1024],
    )  # fmt: skip
    with torch.device("meta"):
        teacher = DepthAnythingForDepthEstimation(config)
    return FACES * forward_flops(teacher, (1, 3, FACE_PIXELS, FACE_PIXELS))


def training_cost(section: Mapping[str, Any]) -> Cost:
    """Return the cost of one training: its section with `common` below it."""
    data, trainer, model = section["data"], section["trainer"], section["model"]["init_args"]
    labelled, unlabelled = split_batch(
        data["batch_size"], data["ratio"] if data.get("unlabelled") else 0
    )
    times = (
        trainer["devices"] * trainer.get("num_nodes", 1) * trainer.get("accumulate_grad_batches", 1)
    )
    steps = trainer.get("max_steps", -1)
    if steps < 0:
        steps = trainer["max_epochs"] * (labelled_rows(data["train"]) // (labelled * times))
    height, width = data["size"]
    channels = (
        4 if "labeler" in model else 3
    )  # the discriminator sees a distance beside the picture
    flops = TRAINING * network_flops(model["net"], (1, channels, height, width))
    samples = steps * (labelled + unlabelled) * times
    taught = steps * unlabelled * times * teacher_flops() if unlabelled else 0
    return Cost(steps, samples, float(samples * flops + taught), peak_of(model["net"], trainer))


def labelled_rows(sources: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the panoramas of an epoch, by the published numbers of its splits."""
    total = 0
    for source in sources.values():
        manifest = Path(source["manifest"])
        rows = size_of(manifest.parent.name, manifest.stem)
        total += round(rows * source.get("weight", 1.0))
    return total


def costs(path: Path) -> dict[str, Cost]:
    """Return the cost of every training and labelling section of a values file."""
    common, found = params.section("common", path), {}
    for name in params.read_params(path):
        section = params.merged(common, params.section(name, path))
        model = section.get("model")
        if isinstance(model, Mapping) and "net" in model.get("init_args", {}):
            found[name] = training_cost(section)
        elif name.startswith("dap_label_"):
            labeler = params.section(Path(section["model"]).name, path)["model"]["init_args"]["net"]
            flops = network_flops(labeler, (1, 3, *section["size"]))
            batches = -(-UNLABELLED_PANORAMAS // section["batch_size"])
            flops *= UNLABELLED_PANORAMAS
            found[name] = Cost(batches, UNLABELLED_PANORAMAS, float(flops), peak_of(labeler))
    return found
