"""Range masks: the probability that a pixel lies beyond each of some distances, for any network."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.backbones.vit import VitBackbone
from pano_models.inputs import RgbInput
from pano_models.layers.padding import conv2d, resize
from pano_models.model import DepthModel, ModelSpec, create
from pano_models.outputs import Maps, far_key, geometry_key

PAPER_THRESHOLDS = (10.0, 20.0, 50.0, 100.0)
"""Ranges of DAP's four plug-in heads, metres."""


def far_maps(probabilities: Float[Tensor, "b k h w"], thresholds: Sequence[float]) -> Maps:
    """Name the channels of a range head.

    Args:
        probabilities: One channel per threshold.
        thresholds: Metres, rising.

    Returns:
        `far_probability` for 100 m, which a fill goes by; `far_probability_<t>m` for any other.
    """
    channels = zip(thresholds, torch.split(probabilities, 1, dim=1), strict=True)
    return {far_key(threshold): channel for threshold, channel in channels}


class RangeMaskHead(nn.Module):
    """Feature maps of several sizes to far logits at a given size.

    Args:
        channels: Channels of each feature map.
        features: Channels of the sum of the levels.
        outputs: Logits, one per threshold.
        wrap: Pad and resize across the seam and the poles.
    """

    def __init__(
        self, channels: Sequence[int], features: int, outputs: int, wrap: bool = True
    ) -> None:
        super().__init__()
        self.wrap = wrap
        self.project = nn.ModuleList(nn.Conv2d(c, features, 1) for c in channels)
        self.refine = conv2d(features, features, padding="sphere" if wrap else "zeros")
        self.output = nn.Conv2d(features, outputs, 1)

    def forward(
        self, maps: Sequence[Float[Tensor, "b c i j"]], size: Sequence[int]
    ) -> Float[Tensor, "b k h w"]:
        """Sum the projected levels at the finest size among them, refine, resize to `size`."""
        finest = max((m.shape[-2:] for m in maps), key=lambda s: s[0])
        dtype = self.output.weight.dtype  # of an encoder in bfloat16, maps are not
        levels = [
            resize(project(m.to(dtype)), finest, self.wrap)
            for m, project in zip(maps, self.project, strict=True)
        ]
        x = functional.relu(self.refine(functional.relu(torch.stack(levels).sum(0))))
        return resize(self.output(x), size, self.wrap)


class RangeMasked(DepthModel):
    """Any network of this package with range masks attached to its encoder.

    Args:
        base: The network, or what `create` builds it from: `{"name": ..., "config": {...}}`.
        thresholds: Ranges in metres, rising; see `far_maps` for the keys.
        features: Channels of the head.
        freeze_base: Train the head alone (plug-and-play on a finished network).
        encoder_name: Submodule of the network whose output is a list of feature maps; None: the
            one it names itself.

    Raises:
        ValueError: The network names no encoder, or thresholds do not rise.

    Source: DAP, section 3 (range mask head, plug-and-play, 10/20/50/100 m).
    """

    def __init__(
        self,
        base: DepthModel | Mapping[str, Any],
        thresholds: Sequence[float] = PAPER_THRESHOLDS,
        features: int = 64,
        freeze_base: bool = False,
        encoder_name: str | None = None,
    ) -> None:
        super().__init__()
        self.thresholds = tuple(thresholds)
        if not self.thresholds or sorted(set(self.thresholds)) != list(self.thresholds):
            raise ValueError(f"thresholds are distances in metres that rise, got {thresholds}")
        self.base = base if isinstance(base, DepthModel) else create(base["name"], **base["config"])
        self.native_size = self.base.native_size
        self.tapped = encoder_name or self.base.encoder_name
        if not self.tapped:
            raise ValueError(
                f"{type(self.base).__name__} names no encoder to attach a head to: "
                "pass encoder_name"
            )
        self.freeze_base = freeze_base
        if freeze_base:
            self.base.requires_grad_(False)
        own = getattr(self.base, "range_head", None)
        if isinstance(own, nn.Module):  # replaced by ours: would get no gradient, and stall DDP
            own.requires_grad_(False)
        # registered once: a hook that comes and goes with every call cannot be compiled
        self._tapped_maps: list[Tensor] = []
        encoder = self.base.get_submodule(self.tapped)
        encoder.register_forward_hook(partial(_keep_maps, self._tapped_maps))
        channels = self._probe()
        wrap = bool(getattr(self.base, "equivariant", False))
        self.range_head = RangeMaskHead(channels, features, len(self.thresholds), wrap)
        self.train(self.training)  # Lightning keeps the mode that a module has

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Return the base's prediction and the far probabilities (which replace the base's own)."""
        prediction, maps = self._run_base(rgb)
        size = prediction[geometry_key(prediction)].shape[-2:]
        far = self.range_head(maps, size).sigmoid()
        return {**prediction, **far_maps(far, self.thresholds)}

    def train(self, mode: bool = True) -> "RangeMasked":
        """Keep a frozen base in evaluation mode (dropout and batch statistics too)."""
        super().train(mode)
        if self.freeze_base:
            self.base.eval()
        return self

    def _run_base(self, rgb: Tensor) -> tuple[Maps, list[Tensor]]:
        prediction: Maps = self.base(rgb)
        maps = list(self._tapped_maps)
        self._tapped_maps.clear()
        return prediction, maps

    def _probe(self) -> list[int]:
        was_training = self.base.training
        with torch.no_grad():
            _, maps = self._run_base_quietly()
        self.base.train(was_training)
        return [m.shape[1] for m in maps]

    def _run_base_quietly(self) -> tuple[Maps, list[Tensor]]:
        self.base.eval()
        parameter = next(self.base.parameters())
        inputs = [m for m in self.base.modules() if isinstance(m, RgbInput)]
        checked = [m.checked for m in inputs]
        maps = self._run_base(torch.zeros(1, 3, *self.base.probe_size).to(parameter))
        for module, before in zip(inputs, checked, strict=True):
            module.checked = before  # the one check is for what a user hands in
        return maps


def attach_range_mask(model: DepthModel, **options: Any) -> RangeMasked:
    """Attach range masks to a network from `create` or `load`, weights kept.

    Args:
        model: The network; it becomes part of the result.
        options: Those of `RangeMasked` beside `base`.

    Returns:
        A network that `save` and `load` know.
    """
    if model.spec is None:
        raise ValueError("only a network from pano_models.create or load can be built upon")
    masked = RangeMasked(model, **options)
    base = {"name": model.spec.name, "config": model.spec.config}
    config = {
        "base": base,
        "thresholds": masked.thresholds,
        "features": masked.range_head.refine.in_channels,
        "freeze_base": masked.freeze_base,
        "encoder_name": masked.tapped,
    }
    masked.spec = ModelSpec("range_masked", config)
    return masked


def _keep_maps(kept: list[Tensor], encoder: nn.Module, inputs: Any, out: Any) -> None:
    kept[:] = _as_maps(encoder, inputs[0], out)


def _as_maps(encoder: nn.Module, image: Tensor, levels: Sequence[Tensor]) -> list[Tensor]:
    if not isinstance(encoder, VitBackbone):
        return list(levels)
    grid = encoder.grid(image.shape[-2], image.shape[-1])
    return [t.transpose(1, 2).reshape(len(t), -1, *grid) for t in levels]
