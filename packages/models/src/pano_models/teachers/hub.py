"""Perspective models of the transformers library as teachers."""

from os import PathLike
from pathlib import Path
from typing import Any

from pano_models.errors import ModelNotFoundError
from pano_models.inputs import IMAGENET_MEAN, IMAGENET_STD
from pano_models.storage.state_dict import check_finite
from pano_models.teachers.teacher import Predicts, Teacher

# What `predicted_depth` of each family means; Depth Anything says so in its configuration.
FAMILIES: dict[str, Predicts] = {
    "depth_pro": "canonical_inverse_depth",  # before transformers' post-processing
    "dpt": "disparity",
    "glpn": "depth",
    "prompt_depth_anything": "depth",
    "zoedepth": "depth",
}


def load_teacher(
    source: str | PathLike[str],
    predicts: Predicts | None = None,
    size: tuple[int, int] | None = None,
    **options: Any,
) -> Teacher:
    """Load any `AutoModelForDepthEstimation` as a teacher.

    Args:
        source: A folder written by `save_pretrained`, or a hub id such as
            "LiheYoung/depth-anything-large-hf" where the hub can be reached.
        predicts: What the model's output means; None: known for Depth Anything, DPT/MiDaS,
            ZoeDepth, GLPN and Depth Pro.
        size: (rows, columns) the model sees; None: that of its preprocessor, else 518 x 518.
        options: Those of `Teacher`.

    Returns:
        The teacher, frozen, with the statistics of the model's own preprocessor.

    Raises:
        ImportError: Transformers is not installed.
        ModelNotFoundError: No such folder or hub id, or not a depth model.
        CheckpointError: A weight is NaN or infinite.
        ValueError: The meaning of the output is not known: pass `predicts`.
    """
    transformers = import_transformers()
    try:
        model = transformers.AutoModelForDepthEstimation.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(
            f"{source} is no depth model that transformers can load: {str(error).splitlines()[0]}"
        ) from error
    check_finite(model.state_dict(), f"the weights of {source}")
    processor = _processor(transformers, source)
    return Teacher(
        model,
        predicts or _meaning(model.config),
        size or _size(processor),
        mean=processor.get("image_mean") or IMAGENET_MEAN,
        std=processor.get("image_std") or IMAGENET_STD,
        **options,
    )


def import_transformers() -> Any:
    """Import transformers.

    Raises:
        ImportError: It is not installed; names the extra.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            "perspective models need transformers: pip install 'pano-models[teachers]'"
        ) from error
    return transformers


def _meaning(config: Any) -> Predicts:
    family = str(config.model_type)
    if family == "depth_anything":
        return "depth" if config.depth_estimation_type == "metric" else "disparity"
    if family == "depth_pro" and not config.use_fov_model:
        return "disparity"
    if (
        family == "dpt" and config.add_projection
    ):  # DINOv2's heads for NYU and KITTI; MiDaS has none
        return "depth"
    if family not in FAMILIES:
        raise ValueError(
            f"the output of a {family!r} model is not known to be disparity or depth: "
            "pass predicts="
        )
    return FAMILIES[family]


def _processor(transformers: Any, source: str | PathLike[str]) -> dict[str, Any]:
    """Return the settings of the model's preprocessor, empty if it has none."""
    folder = Path(source)
    if folder.is_dir() and not (folder / "preprocessor_config.json").is_file():
        return {}
    try:
        settings, _ = transformers.ImageProcessingMixin.get_image_processor_dict(str(source))
    except OSError:  # the hub id has none
        return {}
    return dict(settings)


def _size(processor: dict[str, Any]) -> tuple[int, int]:
    """Return the preprocessor's height and width, or its shortest edge both ways.

    Views are square: where the preprocessor keeps the aspect of a picture (ZoeDepth, 384 x 512),
    the longer side both ways.
    """
    size = processor.get("size") or {}
    edge = size.get("shortest_edge", 518)
    height, width = int(size.get("height", edge)), int(size.get("width", edge))
    return (max(height, width),) * 2 if processor.get("keep_aspect_ratio") else (height, width)
