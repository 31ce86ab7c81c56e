"""Masks by open-vocabulary detection and segmentation: GroundingDINO boxes, SAM masks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pano_data.errors import MissingExtraError

PROMPTS = ("sky", "watermark")
DETECTOR, SEGMENTER = "IDEA-Research/grounding-dino-base", "facebook/sam-vit-huge"


class GroundedMasker:
    """Marks as unusable whatever the prompts find: the union of SAM's masks of all boxes.

    Args:
        detector: Hub id or folder of a GroundingDINO model with its processor.
        segmenter: Hub id or folder of a SAM model with its processor.
        prompts: Names of what is not usable, in lower case; searched for together.
        box_threshold: Least score of a box.
        text_threshold: Least score of its words.
        device: Device of both models.

    Raises:
        MissingExtraError: transformers is not installed.

    Source: Depth Anywhere, appendix (prompts); 0.3 and 0.25 are the defaults of the
    Grounded-SAM demo, which the release followed.
    """

    def __init__(
        self,
        detector: str = DETECTOR,
        segmenter: str = SEGMENTER,
        prompts: Sequence[str] = PROMPTS,
        box_threshold: float = 0.3,
        text_threshold: float = 0.25,
        device: torch.device | str = "cpu",
    ) -> None:
        tf = _import_transformers()
        self.prompts = list(prompts)
        self.box_threshold, self.text_threshold = box_threshold, text_threshold
        self.device = torch.device(device)
        self.detect_processor = tf.AutoProcessor.from_pretrained(detector)
        self.segment_processor = tf.AutoProcessor.from_pretrained(segmenter)
        model = tf.AutoModelForZeroShotObjectDetection.from_pretrained(detector)
        self.detector = model.to(self.device).eval()
        self.segmenter = tf.SamModel.from_pretrained(segmenter).to(self.device).eval()

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the usable pixels `(h, w)` of a picture `(h, w, 3)`."""
        boxes = self.boxes(rgb)
        if not len(boxes):
            return np.ones(rgb.shape[:2], bool)
        return np.asarray(~self.segments(rgb, boxes).any(axis=0), bool)

    @torch.inference_mode()
    def boxes(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the prompts find: `(n, 4)` boxes x0, y0, x1, y1 in pixels."""
        text = " ".join(f"{prompt.lower()}." for prompt in self.prompts)
        inputs = self.detect_processor(images=rgb, text=text, return_tensors="pt").to(self.device)
        (found,) = self.detect_processor.post_process_grounded_object_detection(
            self.detector(**inputs),
            inputs["input_ids"],
            threshold=self.box_threshold,
            text_threshold=self.text_threshold,
            target_sizes=[rgb.shape[:2]],
        )
        return np.asarray(found["boxes"].float().cpu().numpy(), np.float32)

    @torch.inference_mode()
    def segments(self, rgb: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return one mask per box, `(n, h, w)`."""
        inputs = self.segment_processor(
            images=rgb, input_boxes=[boxes.tolist()], return_tensors="pt"
        )
        # The processor gives float64 boxes, which the model refuses.
        moved = {
            name: (x.float() if x.is_floating_point() else x).to(self.device)
            for name, x in inputs.items()
        }
        logits = self.segmenter(**moved, multimask_output=False).pred_masks
        (masks,) = self.segment_processor.post_process_masks(
            logits.cpu(), inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )
        return np.asarray(masks[:, 0].numpy(), bool)


def _import_transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("GroundedMasker", "transformers", "masks") from error
    return transformers
