"""DA²: distance up to scale, learned from its median-aligned value and its surface normals."""

from collections.abc import Mapping

from torch import Tensor

from experiments.training.task import Batch, DepthTask


class Da2Task(DepthTask):
    """Trains SphereViT with the two losses of DA².

    The network predicts distance up to one scale per panorama. Both losses are blind to that scale:
    the prediction is aligned to the truth by the ratio of medians before the L1 term, and a normal
    does not change when all distances are multiplied.

    Source: DA² (arXiv 2509.26618) §3.2: L = λ_dis L_dis + λ_nor L_nor with λ_dis 1.0, λ_nor 2.0.
    """

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare median-aligned distance and normals by L1 over the valid pixels."""
        prediction = self(batch["image"])["distance_scale_invariant"]
        total, terms = self.loss(
            prediction=prediction, target=batch["distance"], valid=batch["valid"]
        )
        return total, terms
