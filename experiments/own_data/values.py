"""What a training on own data states over section `own_data` of params.yaml."""

from typing import Any

import pano_models
from experiments.own_data.pairs import Pairs
from experiments.pipeline import params
from experiments.training.task import BATCH_NORMS
from pano_models import FAR_PROBABILITY, DepthModel, Maps
from pano_models.registry import NETWORKS, builder_of

SECTION = "own_data"
LOSSES = "own_data_losses"
"""Section with the losses of each kind of map, and of sky."""
SKY = "far_probability"

PROTOCOLS = {
    pano_models.DISTANCE_METRIC: ["dap_metric", "da2_paper"],
    pano_models.DISTANCE_SCALE_INVARIANT: ["da2_paper"],
    pano_models.DISPARITY_AFFINE: ["depth_anywhere_released"],
}
"""What a map is scored under: by the key of the map; the first is the one that is told."""


def values(
    network: DepthModel,
    model: str,
    maps: Maps,
    key: str,
    pairs: Pairs,
    size: tuple[int, int],
    batch_size: int | None,
) -> dict[str, Any]:
    """Return the values that stand over the section.

    Args:
        network: To be fine-tuned, as `pano_models.load(model)` returned it.
        model: The same as a text.
        maps: What it predicts.
        key: Of the one among them that says how far things are.
        pairs: The data.
        size: Height and width of training.
        batch_size: Panoramas in a step; None: that of the section.
    """
    assert network.spec is not None
    written = params.section(SECTION)
    batch = min(batch_size or int(written["data"]["batch_size"]), pairs.counts["rest"])
    data: dict[str, Any] = {
        "size": list(size),
        "batch_size": batch,
        "train": {"own": pairs.source("rest", size)},
        "quarantine": str(pairs.quarantine),
    }
    if pairs.counts["held_out"]:
        data["val"] = {"held_out": pairs.source("held_out", size)}
    losses = params.section(LOSSES)
    terms = {**losses[key], **(losses[SKY] if FAR_PROBABILITY in maps else {})}
    options: dict[str, Any] = {
        "net": {"class_path": _class_path(network.spec.name), "init_args": network.spec.config},
        "loss": {"class_path": "pano_losses.WeightedSum", "init_args": {"terms": terms}},
        "init_from": model,
        "protocols": PROTOCOLS[key],
    }
    # A few panoramas have no statistics worth having: those of the first training stay.
    if any(isinstance(module, BATCH_NORMS) for module in network.modules()):
        options["frozen_norms"] = ["*"]
    return {"data": data, "model": {"init_args": options}}


def _class_path(name: str) -> str:
    builder_of(name)  # raises where the name is not known
    module, _, attribute = NETWORKS[name].partition(":")
    return f"{module}.{attribute}"
