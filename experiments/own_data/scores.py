"""A network on the panoramas that were held out, before and after a training."""

from collections.abc import Mapping
from typing import Any

import torch

from pano_data import track
from pano_data.sources import Source
from pano_losses import ProtocolMetric
from pano_models import DISTANCE_SCALE_INVARIANT, Predictor
from pano_models.model import DepthModel


def score(
    network: DepthModel | None,
    source: Mapping[str, Any],
    size: tuple[int, int],
    protocol: str,
    title: str = "",
) -> float:
    """Return the AbsRel under a protocol.

    Args:
        network: Run at `size`; None: one distance everywhere, what a network has to beat.
        source: Values of a `pano_data.Source`.
        size: Height and width of the panoramas.
        protocol: Id in `pano_losses.protocols`.
        title: Of a progress bar; empty: none.
    """
    predict = None if network is None else Predictor(network, size)
    sums = ProtocolMetric(protocol)
    samples = opened(source).open(size)
    for index in track(range(len(samples)), title, len(samples), shown=bool(title)):
        sample = samples[index]
        maps = {DISTANCE_SCALE_INVARIANT: torch.ones_like(sample["distance"][None])}
        if predict is not None:
            maps = {key: m.cpu() for key, m in predict(sample["image"][None]).maps.items()}
        sums.update(
            maps, sample["distance"][None], sample["valid"][None], keys=[sample["key"]],
            far=sample["far"][None],
        )  # fmt: skip
    return float(sums.compute()["absrel"])


def opened(source: Mapping[str, Any]) -> Source:
    """Return a source of a configuration as the object."""
    if "dataset" not in source:
        return Source(**source)
    from experiments.own_data.lifted import LiftedPairs

    return Source(dataset=LiftedPairs(**source["dataset"]["init_args"]))
