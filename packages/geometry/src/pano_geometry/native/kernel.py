"""The compiled CPU kernel as a drop-in for the eager path."""

import ctypes
from dataclasses import dataclass

import torch

from pano_geometry.cameras.base import Camera, Surface, TableCamera
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.native.build import build, load
from pano_geometry.rigs.cubemap import Cubemap, face_camera, face_rotations
from pano_geometry.tensor_types import Tensor

SYMBOLS = {torch.float32: "f32", torch.uint8: "u8"}
SPHERE, PINHOLE, CUBE = 0, 1, 2
LARGEST = 2**31 - 1

_library: ctypes.CDLL | None = None


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
        ("packed", ctypes.c_int),
        ("threads", ctypes.c_int),
    )


def enable() -> None:
    """Use the compiled kernel for bilinear resampling of float32 and uint8 on the CPU.

    Compiles it at the first call on a machine (seconds). Results agree with eager torch to 1e-5
    of the range of the image. Raises `BuildError` without a C compiler.
    """
    global _library
    if _library is None:
        _library = load(build())


def disable() -> None:
    """Back to eager torch."""
    global _library
    _library = None


def enabled() -> bool:
    """Whether the compiled kernel is in use."""
    return _library is not None


def takes(image: Tensor, source: Camera, target: Camera) -> bool:
    """Whether the kernel knows this image and these cameras."""
    if _library is None or image.dtype not in SYMBOLS or image.shape[-1] % 2:
        return False
    if image.shape[-1] * image.shape[-2] > LARGEST or target.key() is None:
        return False
    known = source.surface is Surface.SPHERE or isinstance(source, Perspective)
    return (known and source.key() is not None) and isinstance(target, (TableCamera, Cubemap))


def takes_cube(strip: Tensor, source: Camera, target: Camera) -> bool:
    """The same for cube maps, which are padded first (and are float32 then)."""
    known = isinstance(source, Cubemap) and isinstance(target, (TableCamera, Cubemap))
    return _library is not None and strip.dtype == torch.float32 and known


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
    faces = face_rotations(torch.float64)
    turns = faces if rotation is None else rotation.double().reshape(-1, 1, 3, 3) @ faces
    return _Jobs(face_camera(target.face_size), turns.reshape(-1, 3, 3), 6)


def resample(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Values (n, c, h, w), and which pixels were seen (n, h, w), None if all.

    `image` is what `takes` or `takes_cube` accepted; a cube map comes as its padded strip.
    """
    assert _library is not None
    image = image.contiguous()
    packed = _packed(image, target)
    turns = 1 if rotation is None or rotation.ndim == 2 else rotation.shape[0]
    n = max(image.shape[0], turns)
    out = image.new_empty(n, image.shape[1], *target.size)
    seen = None if source.sees_everything else torch.empty(n, *target.size, dtype=torch.bool)
    jobs = _jobs(target, rotation)
    count = n * jobs.per_sample
    tables = jobs.camera.ray_tables()
    if jobs.rotations is not None:
        tables = tables.rotate(jobs.rotations.double())
    height, width = jobs.camera.size
    job = torch.arange(count)
    sample, part = job // jobs.per_sample, job % jobs.per_sample
    plane = target.height * target.width
    kept = {
        "image_of": (sample % image.shape[0]).to(torch.int32),
        "out_offset": sample * (plane * image.shape[1]) + part * (height * width),
        "seen_offset": sample * plane + part * (height * width),
        "columns": _per_job(tables.columns, count),
        "rows": _per_job(tables.rows, count),
        "row_scale": _ones_or(tables.row_scale, height),
        "column_scale": _ones_or(tables.column_scale, width),
    }
    plan = _Plan(
        jobs=count,
        height=height,
        width=width,
        channels=image.shape[1],
        source_height=image.shape[-2],
        source_width=image.shape[-1],
        out_plane=plane,
        seen=None if seen is None else seen.data_ptr(),
        packed=int(packed is not None),
        threads=torch.get_num_threads(),
        **{name: tensor.data_ptr() for name, tensor in kept.items()},
        **_lens(source),
    )
    run = getattr(_library, f"pano_resample_{SYMBOLS[image.dtype]}")
    run(ctypes.byref(plan), (image if packed is None else packed).data_ptr(), out.data_ptr())
    return out, seen


def _packed(image: Tensor, target: Camera) -> Tensor | None:
    """The image as (b, h w, 4), where so many pixels are read that the copy pays (not bytes)."""
    b, channels, height, width = image.shape
    if image.dtype == torch.uint8 or not 2 <= channels <= 4:
        return None
    if 2 * target.height * target.width < height * width:
        return None
    assert _library is not None
    packed = image.new_empty(b, height * width, 4)
    pack = getattr(_library, f"pano_pack_{SYMBOLS[image.dtype]}")
    pack(image.data_ptr(), packed.data_ptr(), b, channels, height * width, torch.get_num_threads())
    return packed


def _lens(source: Camera) -> dict[str, float]:
    if isinstance(source, Perspective):
        lens = {name: float(getattr(source, name)) for name in ("fx", "fy", "cx", "cy")}
        return {"source": PINHOLE, **lens}
    if isinstance(source, Cubemap):
        return {"source": CUBE, "face": source.face_size}
    return {"source": SPHERE}


def _per_job(table: Tensor, count: int) -> Tensor:
    """(…, n, 3) float64 -> (jobs, 3, n) float32; rotations repeat over samples."""
    table = table.reshape(-1, *table.shape[-2:]).mT.float()
    return table.repeat(count // table.shape[0], 1, 1).contiguous()


def _ones_or(scale: Tensor | None, n: int) -> Tensor:
    return torch.ones(n) if scale is None else scale.float().contiguous()
