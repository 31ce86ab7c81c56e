"""One interface for perspective depth models: views in, disparity (and metric depth) out."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pano_geometry.tensor_types import Float
from pano_models.inputs import IMAGENET_MEAN, IMAGENET_STD
from pano_models.outputs import DISPARITY_AFFINE, Maps

DEPTH_METRIC = "depth_metric"
"""Depth along the optical axis, metres."""

LEAST_DEPTH = 1e-3
"""Metres: what is nearer is taken to be there, so that disparity stays finite."""

LEAST_INVERSE_DEPTH = 1e-4
"""1 / metres: a Depth Pro pixel that predicts less is 10 km away, as transformers has it."""

Predicts = Literal["disparity", "depth", "canonical_inverse_depth"]


class Teacher(nn.Module):
    """A frozen perspective model, applied to cube faces or tangent views in batches.

    Args:
        model: `model(pixel_values=...)` with normalised (n, 3, s, t) returns an object with
            `predicted_depth` (n, s, t), as every `AutoModelForDepthEstimation` of transformers
            does.
        predicts: "disparity" for relative models (near = large), "depth" for metric ones (metres
            along the optical axis), "canonical_inverse_depth" for Depth Pro: 1 / metres for a focal
            length of one image width; the model's own `field_of_view` makes it metric.
        size: (rows, columns) the model sees; views are resized to it.
        mean: Of the pictures the model was trained with.
        std: Of the same.
        max_batch: Views in one forward pass of the model; None: all.
        resize_back: "bilinear", or "nearest" as Depth Anywhere's release.
        precision: "float32", or "bfloat16": the model under autocast.

    Raises:
        ValueError: For an unknown `predicts`, `resize_back` or `precision`, or `max_batch` < 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        predicts: Predicts = "disparity",
        size: tuple[int, int] = (518, 518),
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        max_batch: int | None = None,
        resize_back: Literal["bilinear", "nearest"] = "bilinear",
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        super().__init__()
        _one_of("predicts", predicts, get_args(Predicts))
        _one_of("resize_back", resize_back, ("bilinear", "nearest"))
        _one_of("precision", precision, ("float32", "bfloat16"))
        if max_batch is not None and max_batch < 1:
            raise ValueError(f"max_batch is {max_batch}; expected at least 1, or None for all")
        self.model = model.requires_grad_(False).eval()
        self.predicts, self.size, self.max_batch = predicts, size, max_batch
        self.resize_back, self.precision = resize_back, precision
        self.register_buffer("mean", torch.tensor(tuple(mean))[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(tuple(std))[:, None, None], persistent=False)

    def train(self, mode: bool = True) -> "Teacher":
        """Stay in evaluation mode: a teacher is never trained."""
        super().train(mode)
        self.model.eval()
        return self

    @torch.no_grad()
    def forward(self, views: Float[Tensor, "*n 3 h w"]) -> Maps:
        """Label views in [0, 1] with any leading axes.

        Returns:
            `disparity_affine` (*n, 1, h, w) of depth along the optical axis (not of distance along
            the ray), and, from a metric model, `depth_metric` in metres.

        Raises:
            ValueError: Not floating (..., 3, h, w).
        """
        if views.ndim < 4 or views.shape[-3] != 3 or not views.is_floating_point():
            raise ValueError(
                f"views are {views.dtype} {tuple(views.shape)}; "
                "expected floating (..., 3, h, w) in [0, 1]"
            )
        flat = views.flatten(0, -4)
        maps = [self._predict(part) for part in torch.split(flat, self.max_batch or len(flat))]
        raw = torch.cat(maps).view(*views.shape[:-3], 1, *views.shape[-2:])
        if self.predicts == "disparity":
            return {DISPARITY_AFFINE: raw}
        depth = raw if self.predicts == "depth" else 1 / raw.clamp(min=LEAST_INVERSE_DEPTH)
        return {DISPARITY_AFFINE: 1 / depth.clamp(min=LEAST_DEPTH), DEPTH_METRIC: depth}

    def _predict(self, views: Tensor) -> Tensor:
        pixels = views.to(self.mean.dtype)  # not every device resizes half floats
        pixels = interpolate(pixels, self.size, mode="bilinear", antialias=True)
        pixels = (pixels - self.mean) / self.std
        low = self.precision == "bfloat16"
        with torch.autocast(views.device.type, dtype=torch.bfloat16, enabled=low):
            out: Any = self.model(pixel_values=pixels)
        depth: Tensor = out.predicted_depth.to(views.dtype)[:, None]
        if self.predicts == "canonical_inverse_depth":
            depth = depth * _width_over_focal_length(out.field_of_view).to(depth)
        if self.resize_back == "nearest":
            return interpolate(depth, views.shape[-2:], mode="nearest")
        return interpolate(depth, views.shape[-2:], mode="bilinear", align_corners=False)


def _width_over_focal_length(field_of_view: Tensor | None) -> Tensor:
    """Return 2 tan(fov / 2) of fields of view (n,) in degrees, as (n, 1, 1, 1)."""
    if field_of_view is None:
        raise ValueError(
            "the model predicts no field of view, so its inverse depth has no scale: "
            "build it with use_fov_model=True, or pass predicts='disparity'"
        )
    return 2 * torch.tan(torch.deg2rad(field_of_view) / 2).view(-1, 1, 1, 1)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; expected one of {choices}")
