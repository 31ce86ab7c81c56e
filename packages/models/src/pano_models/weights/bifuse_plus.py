"""The published names of BiFuse++ (`supervised_pretrain.pkl`, …), and of Depth Anywhere's copy."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from pano_models.model import DepthModel, create
from pano_models.storage.state_dict import KeyMap, LoadReport, fill
from pano_models.weights.official import Release

RELEASED_HEIGHT = 512
"""Rows the published network was trained with; larger panoramas are run at it."""
GEOMETRY = "grids and masks of the cube, computed here"
GEOMETRY_PARTS = (".grid_", ".mask_", ".XY_")

KEYS = KeyMap(
    (
        *((f"dnet.f{i + 1}.*", f"pyramid.fusion.{i}.*") for i in range(4)),
        ("dnet.deconv1.2.*", "decoder.out.*"),
        ("dnet.deconv#.0.*", "decoder.deconv#.*"),
        ("dnet.resnet_equi.*", "pyramid.resnet_equi.*"),
        ("dnet.resnet_cube.*", "pyramid.resnet_cube.*"),
    )
)


def load(
    state: Mapping[str, Tensor], faithful: bool, head: str = "metric", **config: Any
) -> tuple[DepthModel, LoadReport]:
    """Build and fill the released network. 630 of the 1176 published entries are geometry."""
    options = {"max_height": RELEASED_HEIGHT, "faithful": faithful, "head": head, **config}
    model = create("bifuse_plus", **options)
    dropped = {n: GEOMETRY for n in state if any(part in n for part in GEOMETRY_PARTS)}
    fill(model, {KEYS.to_ours(n) or n: t for n, t in state.items() if n not in dropped})
    return model, LoadReport(dropped)


def export(model: DepthModel) -> dict[str, Tensor]:
    """Return our tensors under the published names, without the geometry."""
    return {KEYS.to_published(n) or n: t.detach() for n, t in model.state_dict().items()}


SIGNATURE = "dnet.resnet_equi.conv1.weight"
RELEASE = Release(SIGNATURE, load, export)
DEPTH_ANYWHERE = Release(SIGNATURE, partial(load, head="affine"), export)
