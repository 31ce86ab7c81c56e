"""The published names of HoHoNet for depth (`ep60.pth`), and of Depth Anywhere's copy."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from pano_models.backbones.hardnet import HarDNetEncoder
from pano_models.model import DepthModel, create
from pano_models.storage.state_dict import KeyMap, LoadReport, fill, with_prefix
from pano_models.weights.official import Release

CONSTANTS = {
    "x_mean": "ImageNet mean, constant",
    "x_std": "ImageNet standard deviation, constant",
    "horizon_refine.pos": "table of positions, computed here",
    "modalities.0.basis": "cosine basis, computed here",
}

_LEVEL = (
    ("0.1.weight", "conv1.weight"),
    ("1.*", "bn1.*"),
    ("4.1.weight", "conv2.weight"),
    ("5.*", "bn2.*"),
    ("7.weight", "column.weight"),
)
# The release wraps every padded convolution, which adds ".1" to its name.
KEYS = KeyMap(
    (
        ("encoder.encoder.conv1.1.weight", "encoder.conv1.weight"),
        ("encoder.encoder.layer#.#.conv2.1.weight", "encoder.layer#.#.conv2.weight"),
        *((f"encoder.base.{i}.conv.1.weight", f"encoder.base.{i}.conv.weight") for i in (0, 1)),
        ("encoder.base.#.layers.#.conv.1.weight", "encoder.base.#.layers.#.conv.weight"),
        ("encoder.base.*", "encoder.base.*"),
        ("encoder.encoder.*", "encoder.*"),
        *with_prefix("decoder.ghc_lst.#.", "compress.levels.#.", _LEVEL),
        ("decoder.fuse.0.*", "compress.conv.*"),
        ("decoder.fuse.1.*", "compress.bn.*"),
        ("horizon_refine.transen.layers.*", "transformer.layers.*"),
        ("emb_shared_latent.1.1.weight", "latent.0.weight"),
        ("emb_shared_latent.2.*", "latent.1.*"),
        ("modalities.0.bias", "columns.bias"),
        ("modalities.0.estimator.0.*", "columns.conv1.*"),
        ("modalities.0.estimator.1.*", "columns.bn.*"),
        ("modalities.0.estimator.3.*", "columns.conv2.*"),
    )
)
HARDNET = "encoder.base.0.conv.1.weight"
"""A tensor of the checkpoint with HarDNet-68."""
SIGNATURE = "decoder.ghc_lst.0.7.weight"


def load(
    state: Mapping[str, Tensor],
    faithful: bool,
    head: str = "metric",
    normalizations: int = 1,
    **config: Any,
) -> tuple[DepthModel, LoadReport]:
    """Build and fill the released network; the column filters tell its height, names its backbone.

    Without `faithful` Depth Anywhere's second normalisation stays: its weights were trained with
    it.
    """
    height = 4 * state[SIGNATURE].shape[2]
    options = {"height": height, "head": head, "normalizations": normalizations, **config}
    if HARDNET in state:
        options = {"backbone": HarDNetEncoder.name, **options}
    model = create("hohonet", **options)
    dropped = {name: CONSTANTS[name] for name in state if name in CONSTANTS}
    fill(model, {KEYS.to_ours(n) or n: t for n, t in state.items() if n not in dropped})
    return model, LoadReport(dropped)


def export(model: DepthModel) -> dict[str, Tensor]:
    """Return our tensors under the published names, without the constants."""
    return {KEYS.to_published(n) or n: t.detach() for n, t in model.state_dict().items()}


RELEASE = Release(SIGNATURE, load, export)
DEPTH_ANYWHERE = Release(SIGNATURE, partial(load, head="affine", normalizations=2), export)
