"""Resampling of labels: a vote among those that a pixel sees, never a mixture."""

import torch

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.base import Camera
from pano_geometry.errors import ShapeError, check_mask, check_rotation, shape_of
from pano_geometry.resampling.resample import (
    Supersample,
    for_each_image_together,
    has_several_rotations,
    resample,
)
from pano_geometry.tensor_types import Bool, Float, Int, Tensor

CLASSES_AT_ONCE = 16


@takes_arrays
def resample_labels(
    labels: Int[Tensor, "b 1 h w"],
    source: Camera,
    target: Camera,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    valid: Bool[Tensor, "b 1 h w"] | None = None,
    supersample: Supersample = "auto",
    ignore: int = 255,
) -> tuple[Int[Tensor, "n 1 ho wo"], Float[Tensor, "n 1 ho wo"], Float[Tensor, "n 1 ho wo"]]:
    """Return for each pixel the label with most weight in its footprint.

    Every class is resampled as an indicator, bilinearly and with as many rays as the minification
    needs, so thin things that cover most of a pixel win it, which "nearest" leaves to chance. It
    looks at the labels that there are: compilers and `vmap` take `resample(..., "nearest")`.

    Args:
        labels: integers; one image serves a batch of rotations.
        source: camera of the labels.
        target: camera of the result.
        rotation: as in `resample`.
        valid: labels to count; all if not given.
        supersample: as in `resample`.
        ignore: the label where nothing valid is seen; its pixels have no vote. Of a bool mask
            every pixel votes, and False stands where nothing is seen.

    Returns:
        Labels in the type of those given; their support (weight of the winner among the valid, in
        [0, 1]; ties go to the smaller label); and the weight of what is valid, in [0, 1].

    Raises:
        ShapeError: If shapes do not fit.
        TypeError: If labels are floating.
        ValueError: If a rotation is not proper, or the dtype of the labels has no `ignore`.
    """
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"labels: got dtype {labels.dtype}, expected integers or bool")
    if labels.ndim != 4 or labels.shape[1] != 1:
        raise ShapeError(f"labels: got shape {shape_of(labels)}, expected (b, 1, h, w)")
    if has_several_rotations(rotation):
        given = [labels] if valid is None else [labels, valid]
        winner, support, total = for_each_image_together(
            given,
            rotation,
            lambda i, r: resample_labels(
                i[0], source, target, r, i[1] if len(i) > 1 else None, supersample, ignore
            ),
        )
        return winner, support, total
    if rotation is not None:
        check_rotation("rotation", rotation, labels.shape[0])
    if labels.dtype == torch.bool:
        ignore, usable = 0, torch.ones_like(labels)  # a mask has no third value
    else:
        _check_fits(ignore, labels)
        usable = labels != ignore
    if valid is not None:
        check_mask("valid", valid, labels)
        usable = usable & valid

    def weights(indicators: Tensor) -> Tensor:
        return resample(indicators.float(), source, target, rotation, "bilinear", supersample)

    classes = torch.unique(labels[usable])  # sorted
    total = weights(usable)
    best, winner = torch.zeros_like(total), torch.full_like(total, ignore, dtype=labels.dtype)
    for some in classes.split(CLASSES_AT_ONCE) if len(classes) else ():
        votes = weights((labels == some[:, None, None]) & usable)
        most, which = votes.max(1, keepdim=True)
        better = most > best
        winner = torch.where(better, some[which], winner)
        best = torch.where(better, most, best)
    support = best / torch.where(total > 0, total, torch.ones_like(total))
    return winner, support.clamp(0, 1), total.clamp(0, 1)


def _check_fits(ignore: int, labels: Tensor) -> None:
    held = torch.iinfo(labels.dtype)
    if not held.min <= ignore <= held.max:
        raise ValueError(
            f"ignore: got {ignore} for labels of {labels.dtype}, expected {held.min} to "
            f"{held.max}; give ignore= or labels.int()"
        )
