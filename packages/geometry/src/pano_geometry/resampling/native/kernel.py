"""The compiled CPU kernel as a drop-in for the eager path."""

import ctypes
import os
import warnings
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Camera, Surface, TableCamera
from pano_geometry.cameras.cubemap import Cubemap, face_camera, face_rotations
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.pixels import EXACT_ON
from pano_geometry.rays import RayTables
from pano_geometry.resampling.native.build import build, find, load, variant_of
from pano_geometry.resampling.native.threads import in_threads
from pano_geometry.tensor_types import Tensor

SYMBOLS = {torch.float32: "f32", torch.uint8: "u8"}
SPHERE, PINHOLE, CUBE = 0, 1, 2
LARGEST = 2**31 - 1
TILE = 64, 256
"""Rows and columns that one thread takes at a time."""
SPARSE = 1.5
"""Pitch of a view over that of its source beyond which pixels are read as they lie."""
BLOCK = 8, 64
"""Rows and columns that are packed at a time where a target sees a part of the image."""

SWITCH = "PANO_GEOMETRY_NATIVE"
"""Environment variable; "0" leaves the kernel alone until `enable()`."""

_library: ctypes.CDLL | str | None = "not looked for"


class _Plan(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("jobs", "height", "width")),
        *((name, ctypes.c_void_p) for name in ("image_of", "out_offset", "seen_offset")),
        *((name, ctypes.c_void_p) for name in ("columns", "rows", "row_scale", "column_scale")),
        *((name, ctypes.c_int) for name in ("source", "channels", "source_height", "source_width")),
        ("out_plane", ctypes.c_int64),
        *((name, ctypes.c_float) for name in ("fx", "fy", "cx", "cy")),
        ("face", ctypes.c_int),
        ("seen", ctypes.c_void_p),
        *((name, ctypes.c_int) for name in ("stride", "ring", "closed")),
        *((name, ctypes.c_void_p) for name in ("unpacked", "state")),
    )


def enable() -> None:
    """Use the compiled kernel for bilinear resampling of float32 and uint8 on the CPU.

    It is in use by default where it came with the package (wheels) or was built before;
    otherwise this compiles it (seconds), once for a machine. Results agree with eager torch to
    1e-5 of the range of the image.

    Raises:
        BuildError: If there is no C compiler or it fails.
    """
    global _library
    if not enabled():
        variant = variant_of(torch.backends.cpu.get_cpu_capability())
        _library = load(find(variant) or build(variant))


def disable() -> None:
    """Return to eager torch."""
    global _library
    _library = None


def enabled() -> bool:
    """Return whether the compiled kernel is in use."""
    global _library
    if isinstance(_library, str):
        _library = _find()
    return _library is not None


def _find() -> ctypes.CDLL | None:
    """Return the library that is there; None if there is none, or the environment turns it off."""
    if os.environ.get(SWITCH) == "0":
        return None
    library = find(variant_of(torch.backends.cpu.get_cpu_capability()))
    try:
        return None if library is None else load(library)
    except OSError as error:  # of another system, or damaged: eager torch gives the same numbers
        warnings.warn(f"{library}: {error}; resampling goes on without it", stacklevel=2)
        return None


def takes(image: Tensor, source: Camera, target: Camera) -> bool:
    """Return whether the kernel knows this image and these cameras."""
    if not enabled() or image.dtype not in SYMBOLS or image.shape[-1] % 2:
        return False
    if image.shape[-1] * image.shape[-2] > LARGEST or target.key() is None:
        return False
    known = source.surface is Surface.SPHERE or isinstance(source, Perspective)
    return (known and source.key() is not None) and isinstance(target, (TableCamera, Cubemap))


def takes_cube(strip: Tensor, source: Camera, target: Camera) -> bool:
    """Return whether it knows this cube map: cube maps are padded first (and are float32 then)."""
    known = isinstance(source, Cubemap) and isinstance(target, (TableCamera, Cubemap))
    return enabled() and strip.dtype == torch.float32 and known


@dataclass(frozen=True)
class _Jobs:
    """One result image per job: a sample, or a face of a cube map of a sample."""

    camera: TableCamera
    rotations: Tensor | None
    per_sample: int


def _jobs(target: Camera, rotation: Tensor | None) -> _Jobs:
    if isinstance(target, TableCamera):
        return _Jobs(target, rotation, 1)
    assert isinstance(target, Cubemap)
    faces = face_rotations(torch.float64, EXACT_ON)
    turns = faces if rotation is None else rotation.double().reshape(-1, 1, 3, 3) @ faces
    return _Jobs(face_camera(target.face_size), turns.reshape(-1, 3, 3), 6)


def resample(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return values (n, c, h, w), and which pixels were seen (n, h, w), None if all.

    `image` is what `takes` or `takes_cube` accepted; a cube map comes as its padded strip.
    """
    image = image.contiguous()
    turns = 1 if rotation is None or rotation.ndim == 2 else rotation.shape[0]
    n = max(image.shape[0], turns)
    out = image.new_empty(n, image.shape[1], *target.size)
    seen = (
        None
        if source.sees_everything
        else torch.empty(n, *target.size, dtype=torch.bool, device=EXACT_ON)
    )
    jobs = _jobs(target, rotation)
    tables = jobs.camera.ray_tables(EXACT_ON)
    height, width = jobs.camera.size
    scales = _ones_or(tables.row_scale, height), _ones_or(tables.column_scale, width)
    of_job = _of_job(jobs, tables, n, image)
    plan = _Plan(
        height=height,
        width=width,
        row_scale=scales[0].data_ptr(),
        column_scale=scales[1].data_ptr(),
        channels=image.shape[1],
        source_height=image.shape[-2],
        source_width=image.shape[-1],
        out_plane=target.height * target.width,
        seen=None if seen is None else seen.data_ptr(),
        **_lens(source),
    )
    if not _packs(image, source, target):
        _run(plan, of_job, image, out)
        return out, seen
    plan.ring = 0 if isinstance(source, Cubemap) else 1
    plan.closed = source.surface is Surface.SPHERE
    rows, plan.stride = image.shape[-2] + 2 * plan.ring, image.shape[-1] + 2 * plan.ring
    of_job["image_of"].zero_()
    packed = image.new_empty(rows, plan.stride, 4)
    share = n * jobs.per_sample // image.shape[0]
    for i, one in enumerate(image):  # memory that serves again stays in cache
        if _packs_all(image, source, target):
            _pack(one, packed, plan.ring, plan.closed)
        else:  # the kernel packs what it reads
            blocks = -(-rows // BLOCK[0]), -(-plan.stride // BLOCK[1])
            state = one.new_zeros(blocks, dtype=torch.uint8)
            plan.state, plan.unpacked = state.data_ptr(), one.data_ptr()
        mine = {name: table[i * share : (i + 1) * share] for name, table in of_job.items()}
        _run(plan, mine, packed, out)
    return out, seen


def _of_job(jobs: _Jobs, tables: RayTables, n: int, image: Tensor) -> dict[str, Tensor]:
    """Return what differs from job to job, sample by sample."""
    count, area = n * jobs.per_sample, jobs.camera.height * jobs.camera.width
    if jobs.rotations is not None:
        tables = tables.rotate(jobs.rotations.double())
    job = torch.arange(count, device=EXACT_ON)
    sample = job // jobs.per_sample
    return {
        "image_of": (sample % image.shape[0]).to(torch.int32),
        "out_offset": (sample * image.shape[1] * jobs.per_sample + job % jobs.per_sample) * area,
        "seen_offset": job * area,
        "columns": _per_job(tables.columns, count),
        "rows": _per_job(tables.rows, count),
    }


def _packs(image: Tensor, source: Camera, target: Camera) -> bool:
    """Tell whether so many pixels are read that a copy with channels side by side pays."""
    if not 2 <= image.shape[1] <= 4:
        return False
    if _reads_all(source, target):
        return _is_large(target, image)
    return target.pitch <= SPARSE * source.pitch


def _packs_all(image: Tensor, source: Camera, target: Camera) -> bool:
    """Tell whether the whole image is packed at once: it is read, or bytes for a large view.

    A copy of bytes costs less than asking for its blocks, row by row of such a view.
    """
    whole = _reads_all(source, target)
    return whole or (image.dtype == torch.uint8 and _is_large(target, image))


def _reads_all(source: Camera, target: Camera) -> bool:
    """Tell whether the target looks everywhere, or at faces that lie in a strip."""
    return target.sees_everything or isinstance(source, Cubemap)


def _is_large(target: Camera, image: Tensor) -> bool:
    """Tell whether the target has at least half as many pixels as the image."""
    return 2 * target.height * target.width >= image.shape[-2] * image.shape[-1]


def _pack(image: Tensor, packed: Tensor, ring: int, closed: int) -> None:
    """(c, h, w) -> (h + 2 ring, w + 2 ring, 4), with the border that the surface asks for."""
    pack = getattr(_library, f"pano_pack_{SYMBOLS[image.dtype]}")
    arguments = image.data_ptr(), packed.data_ptr(), *image.shape, ring, int(closed)
    in_threads(lambda count: pack(*arguments, count), pieces=image.shape[1] // 16)


def _run(plan: _Plan, of_job: dict[str, Tensor], image: Tensor, out: Tensor) -> None:
    plan.jobs = len(of_job["image_of"])
    for name, table in of_job.items():
        setattr(plan, name, table.data_ptr())
    run = getattr(_library, f"pano_resample_{SYMBOLS[out.dtype]}")
    arguments = ctypes.byref(plan), image.data_ptr(), out.data_ptr()
    pieces = plan.jobs * -(-plan.height // TILE[0]) * -(-plan.width // TILE[1])
    in_threads(lambda count: run(*arguments, count), pieces)


def _lens(source: Camera) -> dict[str, float]:
    if isinstance(source, Perspective):
        lens = {name: float(getattr(source, name)) for name in ("fx", "fy", "cx", "cy")}
        return {"source": PINHOLE, **lens}
    if isinstance(source, Cubemap):
        return {"source": CUBE, "face": source.face_size}
    return {"source": SPHERE}


def _per_job(table: Tensor, count: int) -> Tensor:
    """Convert (…, n, 3) float64 to (jobs, 3, n) float32; rotations repeat over samples."""
    table = table.reshape(-1, *table.shape[-2:]).mT.float()
    return table.repeat(count // table.shape[0], 1, 1).contiguous()


def _ones_or(scale: Tensor | None, n: int) -> Tensor:
    return torch.ones(n, device=EXACT_ON) if scale is None else scale.float().contiguous()
