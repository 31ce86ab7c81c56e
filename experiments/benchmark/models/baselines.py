"""Predictors that never look at the picture: what a trained network must beat."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pano_geometry.tensor_types import Float


class ConstantBaseline(nn.Module):
    """The same distance everywhere: a sphere around the camera."""

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> dict[str, Tensor]:
        """Return a map of ones `(b, 1, h, w)`."""
        return {"distance_scale_invariant": torch.ones_like(rgb[:, :1])}


class LatitudeBaseline(nn.Module):
    """The geometric mean distance of each latitude over training panoramas.

    Args:
        profile: Mean log distance by row, top to bottom, any number of rows.
    """

    def __init__(self, profile: Float[Tensor, " rows"]) -> None:
        super().__init__()
        self.register_buffer("profile", profile)
        self.profile: Tensor

    @classmethod
    def fit(cls, samples: Iterable[tuple[Tensor, Tensor]]) -> "LatitudeBaseline":
        """Average log distance by row over pairs of distance and valid mask `(1, h, w)`.

        Every panorama is divided by its geometric mean first: the baseline is scale-invariant.
        """
        total, weight = torch.zeros(()), torch.zeros(())
        for distance, valid in samples:
            logs = torch.where(valid, distance.clamp(min=1e-6).log(), 0.0)
            logs = torch.where(valid, logs - logs.sum() / valid.sum().clamp(min=1), 0.0)
            total = total + logs.sum((0, 2))
            weight = weight + valid.sum((0, 2))
        return cls(total / weight.clamp(min=1))

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> dict[str, Tensor]:
        """Return the profile, repeated along longitude, `(b, 1, h, w)`."""
        rows = F.interpolate(self.profile[None, None], rgb.shape[-2], mode="linear")
        return {
            "distance_scale_invariant": rows.exp()[..., None].expand_as(rgb[:, :1]).contiguous()
        }
