"""P2E: a perspective picture with distance becomes part of a panorama.

Labels between the pixels of the picture are exact on planes and never mixed across an edge.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import torch
from torch import Tensor

import pano_geometry as pg
from pano_data.decode import EDGE_STEP
from pano_data.errors import DataError
from pano_data.sample import ErpSample
from pano_geometry.tensor_types import Bool, Float

Profile = Literal["intrinsics", "da2_linear_fov"]


class Placement(NamedTuple):
    """Where the picture goes: its axis, radians; yaw > 0 to the right, pitch > 0 up."""

    yaw: float
    pitch: float


class Projected(NamedTuple):
    """Part of a panorama.

    Attributes:
        image: `(3, h, w)` in [0, 1], 0 outside the picture.
        distance: `(1, h, w)` metres, 0 where not valid.
        valid: `(1, h, w)` pixels with a distance.
        far: `(1, h, w)` sky or beyond range.
        coverage: `(1, h, w)` pixels that the picture shows.
    """

    image: Float[Tensor, "3 h w"]
    distance: Float[Tensor, "1 h w"]
    valid: Bool[Tensor, "1 h w"]
    far: Bool[Tensor, "1 h w"]
    coverage: Bool[Tensor, "1 h w"]


@dataclass(frozen=True)
class P2E:
    """Projects perspective samples onto a panorama, at a random place near its centre.

    The picture is rotated as a camera is (inverse warp): image bilinear, area-averaged before
    where the panorama is the coarser of the two; masks take the nearest pixel, distance is exact
    on planes and never mixed over an edge (`sample_labels`). Distance to the camera centre does
    not change under the projection.

    Args:
        size: Height and width of the panorama.
        max_yaw_deg: The axis is drawn uniformly from ± this.
        max_pitch_deg: As `max_yaw_deg`.
        profile: `intrinsics` uses the camera of the sample. `da2_linear_fov` is the rule of the
            DA² paper: field of view `fov_x_deg` across and `fov_x_deg * height / width` down,
            which is linear in the angle and squeezes pixels.
        fov_x_deg: Horizontal field of view of the profile `da2_linear_fov`.

    Raises:
        ValueError: a size that is not 2:1, or a profile without its field of view.

    Source: DA², section 3.1, equations 1-4 and Table 4. The paper adds offsets to the angles of
    each ray; for pitch that is no rotation and shears the picture, so here it is a true rotation.
    """

    size: tuple[int, int] = (512, 1024)
    max_yaw_deg: float = 30.0
    max_pitch_deg: float = 15.0
    profile: Profile = "intrinsics"
    fov_x_deg: float | None = None

    def __post_init__(self) -> None:
        if self.size[1] != 2 * self.size[0]:
            raise ValueError(f"a panorama is twice as wide as high, got size {self.size}")
        if (self.profile == "da2_linear_fov") != (self.fov_x_deg is not None):
            raise ValueError("the profile da2_linear_fov goes with fov_x_deg, intrinsics without")

    def place(self, generator: torch.Generator) -> Placement:
        """Draw where a picture goes."""
        yaw, pitch = (2 * torch.rand(2, generator=generator, dtype=torch.float64) - 1).tolist()
        return Placement(
            math.radians(self.max_yaw_deg) * yaw, math.radians(self.max_pitch_deg) * pitch
        )

    def camera(self, sample: ErpSample) -> pg.Perspective:
        """Return the camera of a sample.

        Raises:
            DataError: The sample is no perspective picture, or its camera is skewed.
        """
        height, width = sample["image"].shape[-2:]
        if self.profile == "da2_linear_fov" and self.fov_x_deg is not None:
            fov_x = math.radians(self.fov_x_deg)
            return pg.Perspective.from_fov(height, width, fov_x, fov_x * height / width)
        if "intrinsics" not in sample:
            raise DataError(
                f"{sample['key']!r} of {sample['dataset']} has no intrinsics: only perspective "
                "pictures can be projected"
            )
        K = sample["intrinsics"].double()
        if abs(float(K[0, 1])) > 1e-6 * float(K[0, 0]):
            raise DataError(f"{sample['key']!r}: skewed intrinsics {K.tolist()} are not supported")
        focal, centre = (float(K[0, 0]), float(K[1, 1])), (float(K[0, 2]), float(K[1, 2]))
        return pg.Perspective(height, width, *focal, *centre)

    def project(self, sample: ErpSample, placement: Placement) -> Projected:
        """Return the part of the panorama that a picture shows.

        Args:
            sample: Perspective picture with *distance* (readers have converted z already).
            placement: Its axis.
        """
        source_camera = self.camera(sample)
        image, camera = _match_pitch(sample["image"], source_camera, self.size)
        rotation = pg.from_ypr(*placement, 0.0)
        rows, columns = _find_box(camera, rotation, self.size)
        rays = _sphere_rays(self.size)[rows, columns] @ rotation  # R^T ray, written for rows
        pixels = camera.project(rays)[None]
        coverage = _find_inside(pixels, camera.size)
        pixels = torch.where(coverage[..., None], pixels, 0.5)
        colour = pg.sample(image[None], pixels)[0].clamp(0, 1) * coverage
        scale = pixels.new_tensor(
            [source_camera.width / camera.width, source_camera.height / camera.height]
        )
        distance, valid, far = sample_labels(sample, pixels * scale, source_camera)
        part = torch.cat([colour, distance, valid & coverage, far & coverage, coverage])
        whole = part.new_zeros(len(part), *self.size)
        whole[:, rows, columns] = part
        usable, beyond, covered = whole[4:, None] > 0.5
        return Projected(whole[:3], torch.where(usable, whole[3:4], 0.0), usable, beyond, covered)


def _match_pitch(
    image: Tensor, camera: pg.Perspective, size: tuple[int, int]
) -> tuple[Tensor, pg.Perspective]:
    """Area-average the picture down to the pixel pitch of the panorama, where it is finer."""
    panorama = pg.Equirectangular(*size)
    ratio = camera.pitch / panorama.pitch
    if ratio >= 1:
        return image, camera
    height, width = (max(1, round(n * ratio)) for n in camera.size)
    picture = image.permute(1, 2, 0).contiguous().numpy()
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    y, x = height / camera.height, width / camera.width
    scaled = pg.Perspective(
        height, width, camera.fx * x, camera.fy * y, camera.cx * x, camera.cy * y
    )
    return torch.from_numpy(small).permute(2, 0, 1).contiguous(), scaled


def _find_inside(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Tell which coordinates lie in the picture; those behind the camera are NaN and do not."""
    u, v = pixels.unbind(-1)
    return (u >= 0) & (u < size[1]) & (v >= 0) & (v < size[0])


def _find_box(
    camera: pg.Perspective, rotation: Tensor, size: tuple[int, int]
) -> tuple[slice, slice]:
    """Find the rows and columns that hold the picture: on a coarse grid, one cell to spare."""
    cells = max(1, size[0] // 64)
    coarse = (-(-size[0] // cells), -(-size[1] // cells))
    rays = pg.Equirectangular(*coarse).rays() @ rotation
    seen = _find_inside(camera.project(rays), camera.size)
    spans = []
    for axis, count in ((1, size[0]), (0, size[1])):
        found = seen.any(axis).nonzero()
        first, last = (int(found.min()), int(found.max())) if len(found) else (0, count)
        spans.append(slice(max(0, (first - 1) * cells), min(count, (last + 2) * cells)))
    return spans[0], spans[1]


@lru_cache(maxsize=2)
def _sphere_rays(size: tuple[int, int]) -> Tensor:
    return pg.Equirectangular(*size).rays()


class LabelMaps(NamedTuple):
    """Labels at coordinates; `(1, h, w)` each, see `pano_data.sample.ErpSample`."""

    distance: Float[Tensor, "1 h w"]
    valid: Bool[Tensor, "1 h w"]
    far: Bool[Tensor, "1 h w"]


def sample_labels(
    sample: ErpSample, pixels: Float[Tensor, "1 h w 2"], camera: pg.Perspective
) -> LabelMaps:
    """Look labels up at pixel coordinates of a picture.

    Masks take the nearest pixel. Distance is interpolated as inverse depth, which is linear in the
    pixels of a plane, where the four pixels around are valid and differ by less than a depth edge
    does; elsewhere it is that of the nearest pixel, because a mean over an edge is a distance where
    nothing is. The nearest pixel alone is right to half a pixel, too coarse for normals: on
    panoramas about six times as coarse as their picture it turns them by 3 to 6 degrees.

    Args:
        sample: Picture with Euclidean distance.
        pixels: u to the right and v down, inside the picture, pixel centres at +0.5.
        camera: Camera of the sample, at the size of its labels.
    """
    height, width = camera.size
    u, v = pixels[0].unbind(-1)
    column, row = u.long().clamp(0, width - 1), v.long().clamp(0, height - 1)
    nearest = row * width + column
    maps = (sample["distance"], sample["valid"], sample["far"])
    distance, valid, far = (values.flatten()[nearest] for values in maps)
    smooth, exact = _interpolate_on_planes(sample, u, v, camera)
    return LabelMaps(torch.where(smooth, exact, distance)[None], valid[None], far[None])


def _interpolate_on_planes(
    sample: ErpSample, u: Tensor, v: Tensor, camera: pg.Perspective
) -> tuple[Tensor, Tensor]:
    """Tell where the four pixels around hold one surface, and its distance there."""
    height, width = camera.size
    left = (u - 0.5).floor().clamp(0, width - 2)
    top = (v - 0.5).floor().clamp(0, height - 2)
    along, down = u - 0.5 - left, v - 0.5 - top  # half a pixel beyond 0 and 1 at the border
    columns, rows = (
        torch.stack([left, left + 1, left, left + 1]),
        torch.stack([top] * 2 + [top + 1] * 2),
    )
    index = (rows * width + columns).long()
    usable = sample["valid"].flatten()[index]
    around = torch.where(usable, sample["distance"].flatten()[index], 1.0)
    smooth = usable.all(0) & (around.amax(0) <= (1 + EDGE_STEP) * around.amin(0))
    inverse_depth = _measure_rays(columns + 0.5, rows + 0.5, camera) / around
    upper, lower = (torch.lerp(inverse_depth[i], inverse_depth[i + 1], along) for i in (0, 2))
    return smooth, _measure_rays(u, v, camera) / torch.lerp(upper, lower, down)


def _measure_rays(u: Tensor, v: Tensor, camera: pg.Perspective) -> Tensor:
    """Return distance over depth of a pixel coordinate."""
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return torch.sqrt(1 + x * x + y * y)
