"""The embedded out-painter: the scene mirrored about vertical planes, closed by a membrane.

It needs no weights, is deterministic and takes a fraction of a second. Panoramas are
ordered by height (floor, wall, ceiling; ground, horizon, sky), and a mirror image about a vertical
plane is an isometry of the sphere that keeps every height: walls stay upright, the horizon stays
level, texture keeps its scale. So a network sees a scene all around and no border that gives away
where labels are. Above and below, where mirror images would converge, detail fades into the
smoothest continuation over the poles. It invents no objects.

The membrane is the smoothest continuation of a picture over the sphere, fixed at its border.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

import pano_geometry as pg
from pano_data.curation.outpaint import Outpainter, blend_known
from pano_geometry.tensor_types import Bool, Float


class ReflectionOutpainter(Outpainter):
    """Mirrors the picture around the horizon an even number of times, so that the circle closes.

    Args:
        fade_deg: Angle over which detail above and below the picture falls to 1/e.

    Raises:
        ValueError: `fade_deg` is not positive.
    """

    def __init__(self, fade_deg: float = 12.0) -> None:
        if not fade_deg > 0:
            raise ValueError(f"fade_deg must be positive, got {fade_deg}")
        self.fade_deg, self.fade = fade_deg, math.radians(fade_deg)

    @property
    def settings(self) -> dict[str, object]:
        """See `Outpainter.settings`."""
        return {"name": "reflection", "fade_deg": self.fade_deg}

    def paint(
        self,
        images: Float[Tensor, "b 3 h w"],
        known: Bool[Tensor, "b 1 h w"],
        environments: Sequence[str],
        seeds: Sequence[int],
    ) -> Float[Tensor, "b 3 h w"]:
        """Paint by reflection; environments and seeds change nothing.

        Raises:
            ValueError: Nothing is known of a panorama.
        """
        return torch.stack([self._filled(*one) for one in zip(images, known, strict=True)])

    def _filled(self, image: Tensor, known: Tensor) -> Tensor:
        if bool(known.all()):
            return image
        band, seen = mirror_around(torch.where(known, image, 0.0), known)
        filled = fill_membrane(band, seen)
        detail = _mirror_detail(filled, seen[0], self.fade)
        return blend_known(image, filled + detail, known)


def mirror_around(
    image: Float[Tensor, "c h w"], known: Bool[Tensor, "1 h w"]
) -> tuple[Float[Tensor, "c h w"], Bool[Tensor, "1 h w"]]:
    """Continue what is known by mirror images about vertical planes, all around the horizon.

    The rest of the circle takes an odd number of mirror images, as near to true size as that
    allows, so that the last one ends where the picture begins.

    Args:
        image: 0 where not known.
        known: Any shape; its widest stretch of well-covered columns is mirrored.

    Returns:
        The continued image and which of its pixels are filled.
    """
    width = known.shape[-1]
    first, count = _find_stretch(known[0])
    rest = width - count
    if not rest:
        return image, known
    copies = max(1, 2 * round((rest / count - 1) / 2) + 1)
    phase = (torch.arange(width) - first) % width + 0.5  # columns right of the left border
    along = (phase - count) / rest * copies  # in mirror images right of the right border
    odd = along.floor().long() % 2 == 0
    inside = (torch.where(odd, 1 - along % 1, along % 1) * count).clamp(0.5, count - 0.5)
    columns = (torch.where(phase < count, phase, inside) + first) % width
    rows = torch.arange(known.shape[-2]) + 0.5
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    pixels = torch.stack([u, v], -1)[None]
    surface = pg.Equirectangular(known.shape[-2], width).surface
    layers = torch.cat([image, known.to(image.dtype)])[None]
    found = pg.sample(layers, pixels, surface)[0]
    seen = (found[-1:] > 0.999) | known
    return torch.where(known, image, found[:-1] * seen), seen


def _find_stretch(known: Tensor) -> tuple[int, int]:
    """Find first column and width of the widest run that is at least half as tall as all."""
    tall = known.sum(0)
    good = 2 * tall >= tall.max()
    if bool(good.all()):
        return 0, len(good)
    start = int((~good).nonzero()[0])  # runs are counted from a gap, so the seam cuts none
    best, run = (0, 0), 0
    for step, flag in enumerate(good.roll(-start).tolist()):
        run = run + 1 if flag else 0
        best = max(best, (run, step - run + 1))
    return (best[1] + start) % len(good), best[0]


def _mirror_detail(filled: Tensor, seen: Tensor, fade: float) -> Tensor:
    """Mirror the detail of the band about its borders, fading towards the poles."""
    height = seen.shape[0]
    rows = torch.arange(height)[:, None]
    top = torch.where(seen, rows, height).amin(0)
    bottom = torch.where(seen, rows, -1).amax(0)
    border = torch.where(rows < top, top, torch.where(rows > bottom, bottom, rows))
    mirrored = (2 * border - rows).clamp(0, height - 1)
    latitudes = pg.row_latitudes(height)
    lat, lat_border = latitudes[rows], latitudes[border]
    angle = (lat - lat_border).abs()
    # Towards a pole the same columns stand closer: detail has to vanish there.
    strength = torch.exp(-angle / fade) * (lat.cos() / lat_border.cos()).clamp(max=1)
    high = filled - _smooth(filled)
    found = high.gather(-2, mirrored.expand_as(high))
    return found * strength * ~seen


def _smooth(image: Tensor) -> Tensor:
    """Average over about 6 degrees, without a seam."""
    height, width = image.shape[-2:]
    factor = math.gcd(math.gcd(height, width), max(1, height // 32))
    coarse = pg.pad(avg_pool2d(image[None], factor), 1)
    fine = interpolate(coarse, scale_factor=factor, mode="bilinear", align_corners=False)
    return fine[0, :, factor : factor + height, factor : factor + width]


_COARSEST = 8  # rows of the coarsest grid
_COARSE_SWEEPS, _SWEEPS = 64, 6  # relaxation sweeps on the coarsest grid, and on all finer ones


def fill_membrane(
    image: Float[Tensor, "c h w"], known: Bool[Tensor, "1 h w"]
) -> Float[Tensor, "c h w"]:
    """Fill unknown pixels by the solution of the Laplace equation on the sphere.

    Coarse to fine: known pixels are averaged by solid angle down to 8 rows, the gaps relaxed there,
    the result is the start on the next finer grid. Neighbours wrap at the seam and continue across
    the poles, and are weighted by the Laplace-Beltrami operator, so the fill has no seam, does not
    converge at the poles and turns with the picture.

    Args:
        image: Any values; read only where `known`. Height and width divisible down to 8 rows are
            halved that far, others until they are odd.
        known: Pixels that stay.

    Raises:
        ValueError: Nothing is known.
    """
    if not known.any():
        raise ValueError("nothing is known: the membrane needs at least one known pixel")
    kept = torch.where(known, image, 0.0)[None]
    return _filled(kept, known[None].to(image.dtype))[0]


def _filled(kept: Tensor, share: Tensor) -> Tensor:
    """Fill one grid: `kept` is known values times `share`, the known part of each cell."""
    height, width = kept.shape[-2:]
    mean = kept / share.clamp(min=1e-6)
    if height <= _COARSEST or height % 2 or width % 2:
        weight = share / share.sum()
        start = (mean * weight).sum((-2, -1), keepdim=True).expand_as(mean)
        sweeps = _COARSE_SWEEPS
    else:
        area = pg.solid_angle(height, width).to(kept)[:, None]
        coarse_area = avg_pool2d(area.expand(height, width)[None, None], 2)
        parts = [avg_pool2d(part * area, 2) / coarse_area for part in (kept, share)]
        start = interpolate(
            pg.pad(_filled(*parts), 1), scale_factor=2, mode="bilinear", align_corners=False
        )[..., 2:-2, 2:-2]
        sweeps = _SWEEPS
    return _relax(torch.where(share > 0, mean, start), share > 0, sweeps)


def _relax(values: Tensor, fixed: Tensor, sweeps: int) -> Tensor:
    height = values.shape[-2]
    lat = pg.row_latitudes(height, dtype=torch.float64)
    half = math.pi / (2 * height)
    above, below = (torch.cos(lat + half).clamp(min=0), torch.cos(lat - half).clamp(min=0))
    cos = torch.cos(lat)
    # Finite volumes: flux over the upper, lower and the two side edges of a cell.
    up, down, side = (w.to(values)[:, None] for w in (above, below, 1 / cos))
    total = up + down + 2 * side
    for _ in range(sweeps):
        padded = pg.pad(values, 1)
        flow = (
            up * padded[..., :-2, 1:-1]
            + down * padded[..., 2:, 1:-1]
            + side * (padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:])
        )
        values = torch.where(fixed, values, flow / total)
    return values
