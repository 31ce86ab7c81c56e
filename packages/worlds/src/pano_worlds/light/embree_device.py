"""An Embree device that finds the same triangles on every x86-64 processor.

Embree takes its kernels for the processor. Those for AVX-512 round a distance otherwise than those
for AVX2 and take another of two triangles that share an edge, so a few pixels of a world would
differ between machines. Embree can be told to leave AVX-512 out (`max_isa`), embreex cannot: its
device has no argument. So the device is made by the library itself and handed to embreex's object,
whose one field, declared in its `rtcore.pxd`, is the pointer to it.
"""

import ctypes
from functools import cache
from pathlib import Path

import embreex
from embreex.rtcore import EmbreeDevice

CONFIG = b"max_isa=avx2"
_POINTER = ctypes.sizeof(ctypes.c_void_p)


@cache
def common_device() -> EmbreeDevice:
    """Return the device of this process.

    Where embreex brings its library in another place, or its object has other fields, the device is
    embreex's own: it works, with the processor's kernels.
    """
    device = EmbreeDevice()
    library = _library()
    if library is None or EmbreeDevice.__basicsize__ != object.__basicsize__ + _POINTER:
        return device
    field = ctypes.c_void_p.from_address(id(device) + object.__basicsize__)
    library.rtcNewDevice.restype = ctypes.c_void_p
    library.rtcNewDevice.argtypes = [ctypes.c_char_p]
    library.rtcReleaseDevice.argtypes = [ctypes.c_void_p]
    made = library.rtcNewDevice(CONFIG)
    if made:
        library.rtcReleaseDevice(field)
        field.value = made
    return device


def _library() -> ctypes.CDLL | None:
    """Return the Embree that embreex has loaded, where its wheel for Linux keeps it."""
    folder = Path(embreex.__file__).parents[1] / "embreex.libs"
    found = sorted(folder.glob("libembree4*"))
    return ctypes.CDLL(str(found[0])) if len(found) == 1 else None
