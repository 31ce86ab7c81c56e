"""Fine-tuning of any network of this project on panoramas with distance."""

from collections.abc import Mapping

from torch import Tensor

from experiments.training.task import Batch, DepthTask
from pano_models import DISPARITY_AFFINE, FAR_PROBABILITY, geometry_key

NEAREST = 1e-3
"""Metres; the disparity of what is nearer would rule a panorama."""


class OwnDataTask(DepthTask):
    """Trains what a network predicts, be it metres, distance up to scale, or disparity.

    Where the network says what is sky, and a label does too, that is trained as well.
    """

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare the map of the network over the valid pixels, and sky."""
        prediction = self(batch["image"])
        key = geometry_key(prediction)
        target = batch["distance"]
        if key == DISPARITY_AFFINE:
            target = 1 / target.clamp(min=NEAREST)
        maps = {"prediction": prediction[key], "target": target, "valid": batch["valid"]}
        if FAR_PROBABILITY in prediction:
            maps |= {"far_probability": prediction[FAR_PROBABILITY], "far": batch["far"]}
        total, terms = self.loss(**maps)
        return total, terms
