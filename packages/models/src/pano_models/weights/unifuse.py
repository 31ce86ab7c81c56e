"""The published names of UniFuse (`model.pth`), which are those of Depth Anywhere's UniFuse."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pano_models.model import DepthModel, create
from pano_models.storage.files import Setting
from pano_models.storage.state_dict import KeyMap, LoadReport, fill
from pano_models.students.unifuse.unifuse import UniFuse
from pano_models.weights.official import Release

GEOMETRY = "sampling grids of the cube, computed here"
RELEASED_HEIGHT = 512
"""Rows of the published trainings, unless the file says another (3D60, PanoSUNCG: 256)."""
BACKBONES = {
    (2, False): "resnet18",
    (6, False): "resnet34",
    (6, True): "resnet50",
    (23, True): "resnet101",
    (36, True): "resnet152",
}
"""(blocks of the third stage, bottlenecks) -> ResNet."""

# The release numbers the decoder's parts in the order it creates them: per level the fusion, the
# convolution after the skip, and the one before upsampling.
_FUSED_ORDER = (
    *("fusion.4", "decoder.upconv.4"),
    *("fusion.3", "decoder.deconv.4", "decoder.upconv.3"),
    *("fusion.2", "decoder.deconv.3", "decoder.upconv.2"),
    *("fusion.1", "decoder.deconv.2", "decoder.upconv.1"),
    *("fusion.0", "decoder.deconv.1", "decoder.upconv.0"),
    *("decoder.deconv.0", "decoder.depthconv"),
)
_PLAIN_ORDER = tuple(part for part in _FUSED_ORDER if not part.startswith("fusion"))


def _decoder_rule(number: int, part: str) -> tuple[str, str]:
    published = f"equi_decoder.{number}."
    if part.startswith("fusion"):
        return published + "*", part + ".*"
    if part == "decoder.depthconv":
        return published + "conv.*", part + ".*"
    return published + "conv.conv.*", part + ".conv.*"


def _keys(order: tuple[str, ...]) -> KeyMap:
    encoders = (("equi_encoder.*", "equi_encoder.*"), ("cube_encoder.*", "cube_encoder.*"))
    return KeyMap((*(_decoder_rule(i, part) for i, part in enumerate(order)), *encoders))


FUSED_KEYS = _keys(_FUSED_ORDER)
PLAIN_KEYS = _keys(_PLAIN_ORDER)


def options_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the network's options as far as the tensor names and `max_depth` tell them."""
    blocks = {name.split(".")[2] for name in state if name.startswith("equi_encoder.layer3.")}
    bottleneck = "equi_encoder.layer1.0.conv3.weight" in state
    options: dict[str, Any] = {"fusion": _fusion(state)}
    if (len(blocks), bottleneck) in BACKBONES:
        options["backbone"] = BACKBONES[len(blocks), bottleneck]
    if options["fusion"] == "cee":
        options["squeeze_excitation"] = "equi_decoder.0.selayer.fc.0.weight" in state
    if "max_depth" in state:
        options["max_depth"] = float(state["max_depth"])
    return options


def options_of_settings(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the height that the network was trained with, at which larger panoramas are run."""
    height = settings.get("height")
    return {"max_height": height} if isinstance(height, int) else {}


def _fusion(state: Mapping[str, Tensor]) -> str:
    if not any(name.startswith("cube_encoder.") for name in state):
        return "none"
    if "equi_decoder.0.res_conv1.weight" in state:
        return "cee"
    return "biproj" if "equi_decoder.0.conv_c2e.0.weight" in state else "cat"


def load(
    state: Mapping[str, Tensor], faithful: bool, head: str = "metric", **config: Any
) -> tuple[DepthModel, LoadReport]:
    """Build the network that `state` describes, and fill it."""
    size = {"max_height": RELEASED_HEIGHT}
    options = {**size, **options_of(state), "faithful": faithful, "head": head, **config}
    model = create("unifuse", **options)
    keys = FUSED_KEYS if options["fusion"] != "none" else PLAIN_KEYS
    dropped = {name: GEOMETRY for name in state if name.startswith("projectors.")}
    used = {n: t for n, t in state.items() if n not in dropped and n != "max_depth"}
    fill(model, {keys.to_ours(name) or name: tensor for name, tensor in used.items()})
    return model, LoadReport(dropped)


def export(model: DepthModel) -> dict[str, Tensor]:
    """Return our tensors under the published names, `max_depth` among them."""
    assert isinstance(model, UniFuse)
    keys = FUSED_KEYS if len(model.fusion) else PLAIN_KEYS
    state = {keys.to_published(n) or n: t.detach() for n, t in model.state_dict().items()}
    return {**state, "max_depth": torch.tensor(model.max_depth)}


SIGNATURE = "equi_encoder.conv1.weight"
RELEASE = Release(SIGNATURE, load, export, options_of_settings)
DEPTH_ANYWHERE = Release(SIGNATURE, partial(load, head="affine"), export, options_of_settings)
