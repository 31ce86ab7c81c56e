"""What paper scale takes from the hub, as tiny random models in the formats of the hub."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file

from experiments.pipeline import params
from pano_models.backbones.encoders import is_convolutional
from pano_models.backbones.vit import build_vit
from tests.data.curation import tiny_flux
from tests.data.masks.tiny_models import write_detector, write_segmenter
from tests.models.teachers.tiny_models import depth_anything

TEACHER_PIXELS = 56
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as Depth Anything has them


def write_all(values: Path, folder: Path) -> None:
    """Write the models that the sections of a values file name, below `folder`.

    Raises:
        ParamsError: A network starts from the hub, which a rehearsal must not need.
    """
    seen: dict[str, Mapping[str, Any]] = {}
    for name in params.read_params(values):
        model = params.section(name, values).get("model")
        net = model["init_args"].get("net", {}) if isinstance(model, Mapping) else {}
        options = net.get("init_args") or {}
        weights = options.get("backbone_weights")
        if weights == "timm":
            raise params.ParamsError(f"{name}: got backbone_weights timm, expected a file")
        if isinstance(weights, str) and weights.endswith(".safetensors"):
            seen[weights] = options
    for place, options in seen.items():
        write_backbone(folder / place, options)
    teacher = params.section("depth_anywhere_student", values)["model"]["init_args"]["teacher"]
    write_teacher(folder / teacher["init_args"]["model"])
    for painter in params.section("outpainters", values).values():
        write_painter(folder, painter["init_args"])
    for name in params.read_params(values):
        asked = params.section(name, values).get("masker", {}).get("init_args", {})
        for key, write in (("detector", write_detector), ("segmenter", write_segmenter)):
            if key in asked:
                (folder / asked[key]).mkdir(parents=True, exist_ok=True)
                write(folder / asked[key])


def write_backbone(path: Path, options: Mapping[str, Any]) -> None:
    """Write random weights of a backbone in timm's names."""
    torch.manual_seed(0)
    name, own = options["backbone"], options.get("backbone_options") or {}
    if name.startswith("vit") and not is_convolutional(name):
        network = build_vit(name, **own)
    else:
        network = timm.create_model(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)


def write_painter(folder: Path, options: Mapping[str, Any]) -> None:
    """Write a FLUX.1-Fill and a LoRA of random weights where an out-painter looks for them."""
    base, subfolder, _ = options["lora"]
    tiny_flux.write_pipeline(folder / options["model"])
    tiny_flux.write_lora(folder / base, subfolder)


def write_teacher(folder: Path) -> None:
    """Write a Depth Anything of random weights, with its preprocessor."""
    folder.mkdir(parents=True, exist_ok=True)
    depth_anything().save_pretrained(folder)
    settings = {
        "size": {"height": TEACHER_PIXELS, "width": TEACHER_PIXELS},
        "image_mean": MEAN,
        "image_std": STD,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
