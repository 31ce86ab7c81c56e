"""Camera poses of the releases, in one convention: camera-to-world, y down, metres.

Camera axes are those of OpenCV (x right, y down, z forward; a panorama's centre looks along z). The
world is that of the release, turned so that y points down where the release has z up: poses of one
scene share a world, poses of two scenes need not.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pano_data.errors import DataError

PoseMatrix = tuple[float, ...]

WORLD_FROM_Z_UP = np.array(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)), np.float64)
"""From a world with z up: x stays, y down is -z, z is y."""
OPENGL_FROM_CAMERA = np.diag((1.0, -1.0, -1.0, 1.0))
"""From OpenCV camera axes to those of OpenGL and Blender: x right, y up, z backward."""
_TOLERANCE = 1e-3


def camera_to_world(
    matrix: ArrayLike, what: object, *, z_up: bool = False, opengl: bool = False
) -> PoseMatrix:
    """Return the pose of a manifest's row from a release's camera-to-world matrix.

    Args:
        matrix: `(4, 4)` camera-to-world, metres.
        what: Names the pose in errors.
        z_up: The world has z up.
        opengl: Camera axes are x right, y up, z backward.

    Returns:
        The 4x4 of this project, row by row: 16 floats.

    Raises:
        DataError: If it is no rigid motion.
    """
    pose = np.asarray(matrix, np.float64)
    if opengl:
        pose = pose @ OPENGL_FROM_CAMERA
    if z_up:
        pose = WORLD_FROM_Z_UP @ pose
    if not is_rigid(pose):
        raise DataError(f"{what}: got {pose.tolist()}, expected a 4x4 rigid motion of the camera")
    return tuple(float(value) for value in pose.flat)


def is_rigid(pose: NDArray[np.float64]) -> bool:
    """Tell whether a matrix is a rotation with a translation, up to the digits of text files."""
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        return False
    R = pose[:3, :3]
    orthonormal = np.allclose(R @ R.T, np.eye(3), atol=_TOLERANCE) and np.linalg.det(R) > 0
    return bool(orthonormal and np.allclose(pose[3], (0, 0, 0, 1)))


def motion(rotation: ArrayLike, position: ArrayLike) -> NDArray[np.float64]:
    """Return `(4, 4)` of a camera-to-world rotation and the camera centre."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.asarray(rotation), np.asarray(position)
    return pose
