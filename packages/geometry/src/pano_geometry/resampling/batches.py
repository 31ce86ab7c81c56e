"""Several rotations for each image of a batch."""

from collections.abc import Callable

import torch

from pano_geometry.compiling import is_transformed
from pano_geometry.errors import ShapeError, check_rotation, shape_of
from pano_geometry.tensor_types import Float, Shaped, Tensor


def for_each_image(
    image: Shaped[Tensor, "b ..."],
    rotation: Float[Tensor, "b k 3 3"],
    run: Callable[[Tensor, Tensor], Tensor],
) -> Shaped[Tensor, "b k ..."]:
    """Return `run(image, rotation)` for k rotations of each image; b may be 1 in either.

    Args:
        image: a batch of anything.
        rotation: k rotations for each.
        run: one image (1, ...) and k rotations (k, 3, 3), or as many images, to k results.

    Raises:
        ShapeError: If the batches do not fit.
        ValueError: If a rotation is not proper.
    """
    turns, images = rotation.shape[0], image.shape[0]
    if turns != images and 1 not in (turns, images):
        raise ShapeError(
            f"rotation: got shape {shape_of(rotation)} for a batch of {images}, expected "
            f"({images}, k, 3, 3) or (1, k, 3, 3)"
        )
    check_rotation("rotation", rotation.flatten(0, 1))
    count, k = max(turns, images), rotation.shape[1]
    image = image.expand(count, *image.shape[1:])
    rotation = rotation.expand(count, -1, -1, -1)
    if is_transformed():  # a batch size that is not known has no loop
        copies = image[:, None].expand(count, k, *image.shape[1:]).flatten(0, 1)
        return torch.unflatten(run(copies, rotation.flatten(0, 1)), 0, (count, k))
    return torch.stack([run(image[i : i + 1], rotation[i]) for i in range(count)])
