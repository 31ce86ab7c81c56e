"""What a network accepts: RGB panoramas in [0, 1], and the size it runs them at."""

import math
import warnings

import torch
from torch import Tensor, nn

from pano_geometry.tensor_types import Float

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class RgbInput(nn.Module):
    """Checks an RGB batch and normalises it with the ImageNet statistics.

    Values outside [0, 1] and an aspect ratio other than 2:1 are used as they are, with one warning
    per model: the range is read on the first eager call only, since reading it synchronises a GPU.

    Args:
        normalize: Subtract the ImageNet mean and divide by its standard deviation. False feeds the
            values as they are (DAP's released `infer.py` does that).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.checked = False
        # Constants of the code, not weights: kept out of the checkpoint.
        self.register_buffer("mean", torch.empty(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.empty(3, 1, 1), persistent=False)
        self.init_non_persistent_buffers()

    def init_non_persistent_buffers(self) -> None:
        """Write the constants; called again where a network was built without memory."""
        self.mean.copy_(torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.std.copy_(torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def check(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Raise on a wrong shape or dtype; warn once on a wrong range or aspect.

        Returns:
            `rgb` in the network's dtype: not every device resizes half floats.

        Raises:
            ValueError: Not a floating `(b, 3, h, w)` tensor, or one without pixels.
        """
        if rgb.ndim != 4 or rgb.shape[1] != 3:
            raise ValueError(
                f"expected RGB of shape (b, 3, h, w), got {tuple(rgb.shape)}: "
                "drop an alpha channel, repeat a grey one, add the batch axis"
            )
        if not rgb.is_floating_point():
            raise ValueError(f"expected floating RGB in [0, 1], got {rgb.dtype}: divide by 255")
        if not rgb.numel():
            raise ValueError(f"expected at least one panorama of a pixel, got {tuple(rgb.shape)}")
        if not self.checked and not torch.compiler.is_compiling():
            self.checked = True
            _warn_about_range(rgb)
        return rgb.to(self.mean.dtype)

    def check_views(self, rgb: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Raise on a wrong shape or dtype of perspective views, of any aspect.

        Returns:
            `rgb` in the network's dtype: not every device resizes half floats.

        Raises:
            ValueError: Not a floating `(n, 3, h, w)` tensor.
        """
        if rgb.ndim != 4 or rgb.shape[1] != 3 or not rgb.is_floating_point():
            raise ValueError(
                f"rgb is {rgb.dtype} {tuple(rgb.shape)}; expected floating (n, 3, h, w) in [0, 1]"
            )
        return rgb.to(self.mean.dtype)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Normalise `rgb`, in the network's dtype; call `check` first on what a user handed in."""
        rgb = rgb.to(self.mean.dtype)
        return (rgb - self.mean) / self.std if self.normalize else rgb


def _warn_about_range(rgb: Tensor) -> None:
    height, width = rgb.shape[-2:]
    if width != 2 * height:
        warnings.warn(
            f"an equirectangular panorama is 2:1, got {height}x{width}: "
            "the image is taken to cover the whole sphere anyway",
            stacklevel=6,
        )
    low, high = (float(v) for v in torch.aminmax(rgb.detach()))
    # A resized image may overshoot a little; uint8 values or normalised images are far outside.
    if low < -0.05 or high > 1.05:
        warnings.warn(
            f"RGB lies in [{low:.3g}, {high:.3g}], expected [0, 1]: divide uint8 values by 255 "
            "and do not normalise beforehand",
            stacklevel=6,
        )


def fit_to_patches(
    height: int,
    width: int,
    patch: int,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    multiple: int = 1,
) -> tuple[int, int]:
    """Return the size `(height, width)` nearest to the input that whole patches tile.

    The area is first brought into [min_pixels, max_pixels] at constant aspect. The number of patch
    rows is then rounded, and the columns follow from the aspect, so that 2:1 stays exactly 2:1.

    Args:
        height: Input rows.
        width: Input columns.
        patch: Side of a patch in pixels.
        min_pixels: Smallest area to run at; None: no limit.
        max_pixels: Largest area to run at; None: no limit.
        multiple: Rows and columns of patches are multiples of this.
    """
    scale = math.sqrt(limit_area(height * width, min_pixels, max_pixels) / (height * width))
    step = patch * multiple
    rows = max(1, round(height * scale / step))
    if max_pixels is not None:
        while rows > 1 and rows * step * max(1, round(rows * width / height)) * step > max_pixels:
            rows -= 1
    return rows * step, max(1, round(rows * width / height)) * step


def limit_area(value: int, low: int | None, high: int | None) -> int:
    """Bring `value` into [low, high], where they are given."""
    if low is not None and high is not None and low > high:
        raise ValueError(f"min_pixels {low} exceeds max_pixels {high}")
    value = max(value, low) if low is not None else value
    return min(value, high) if high is not None else value
