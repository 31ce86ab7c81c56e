"""Changes of colour, none of place: albumentations, seeded anew for every sample."""

import albumentations as A  # noqa: N812 - its own documentation names it so
import numpy as np
import torch
from numpy.typing import NDArray

from pano_data.sample import ErpSample
from pano_data.transforms.base import Augmentation, check_probability


class Colour(Augmentation):
    """Brightness, contrast, saturation and hue; optionally gamma, blur and noise.

    The transform is seeded from the generator of the sample: unseeded, forked loader workers would
    all draw the same colours.

    Args:
        brightness: Factor range around 1, as all three below.
        contrast: See `brightness`.
        saturation: See `brightness`.
        hue: Largest shift of hue, in turns of the colour circle.
        gamma: Range of the exponent in percent, or None.
        noise: Largest standard deviation of Gaussian noise, in [0, 1] units of the image; 0 for none.
        blur: Largest odd kernel of a Gaussian blur in pixels, over the seam; 0 for none.
        p: Probability of each of the changes.

    Source: Depth Anywhere, released training readers (0.8-1.2, hue 0.1, p 0.5); DAP, section 4.1.
    """

    def __init__(
        self,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        hue: float = 0.1,
        gamma: tuple[float, float] | None = None,
        noise: float = 0.0,
        blur: int = 0,
        p: float = 0.5,
    ) -> None:
        check_probability(p)
        jitter = A.ColorJitter(
            brightness=(1 - brightness, 1 + brightness),
            contrast=(1 - contrast, 1 + contrast),
            saturation=(1 - saturation, 1 + saturation),
            hue=(-hue, hue),
            p=p,
        )
        changes = [jitter]
        if gamma is not None:
            changes.append(A.RandomGamma(gamma_limit=tuple(gamma), p=p))
        if blur:
            changes.append(A.GaussianBlur(blur_limit=(3, blur), p=p))
        if noise:
            changes.append(A.GaussNoise(std_range=(0.0, noise), p=p))
        self.compose = A.Compose(changes, strict=True)
        self.margin = blur // 2

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Change the image; distance and masks stay as they are."""
        self.compose.set_random_seed(int(torch.randint(2**31, (), generator=generator)))
        picture: NDArray[np.uint8] = (
            (sample["image"] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        )
        turned = np.pad(picture, ((0, 0), (self.margin, self.margin), (0, 0)), mode="wrap")
        changed = self.compose(image=turned)["image"][:, self.margin :][:, : picture.shape[1]]
        image = torch.from_numpy(np.ascontiguousarray(changed)).permute(2, 0, 1).float() / 255
        return {**sample, "image": image}
