"""Pictures of a prediction beside its truth."""

from collections.abc import Mapping

import matplotlib
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses import alignment

RgbBytes = npt.NDArray[np.uint8]
ERROR_LIMIT = 0.5  # relative error at which the error picture is saturated


def colourise(
    values: npt.NDArray[np.float32], low: float, high: float, colours: str = "turbo_r"
) -> RgbBytes:
    """Colour a map: RGB uint8 `(h, w, 3)`; values beyond [low, high] are clipped, NaN is black."""
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    rgb = matplotlib.colormaps[colours](np.nan_to_num(scaled))[..., :3]
    rgb[~np.isfinite(values)] = 0
    picture: RgbBytes = (rgb * 255).round().astype(np.uint8)
    return picture


def as_distance(prediction: Mapping[str, Tensor]) -> Tensor:
    """Return the distance map of a prediction.

    Affine disparity is inverted (shown, never scored).
    """
    for key in ("distance_metric", "distance_scale_invariant"):
        if key in prediction:
            return prediction[key]
    disparity = prediction["disparity_affine"]
    low = disparity.amin((1, 2, 3), keepdim=True)
    high = disparity.amax((1, 2, 3), keepdim=True)
    return 1 / ((disparity - low) / (high - low).clamp(min=1e-6) + 0.05)


def panel(
    image: Float[Tensor, "b 3 h w"],
    prediction: Mapping[str, Tensor],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
) -> list[RgbBytes]:
    """Draw one picture per sample: RGB | prediction over truth | relative error, `(2h, 2w, 3)`.

    The prediction is median-aligned to the truth and drawn in the truth's colour range (log
    distance, near is red). Pixels without truth are black in the truth and in the error.
    """
    distance = as_distance(prediction).float()
    aligned = alignment.median(distance, target, valid).apply(distance)
    nan = torch.full_like(target, torch.nan)
    truth = torch.where(valid, target, nan).squeeze(1).numpy()
    error = torch.where(valid, (aligned - target).abs() / target, nan).squeeze(1).numpy()
    pictures = []
    for rgb, guess, true, wrong in zip(
        image, aligned.squeeze(1).numpy(), truth, error, strict=True
    ):
        logs = np.log(true[np.isfinite(true)]) if np.isfinite(true).any() else np.zeros(1)
        low, high = (float(v) for v in np.quantile(logs, [0.02, 0.98]))
        colour = (rgb.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        top = [colour, colourise(np.log(np.maximum(guess, 1e-6)), low, high)]
        bottom = [colourise(wrong, 0, ERROR_LIMIT, "magma"), colourise(np.log(true), low, high)]
        pictures.append(np.vstack([np.hstack(top), np.hstack(bottom)]))
    return pictures
