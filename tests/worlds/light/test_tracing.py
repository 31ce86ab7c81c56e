import ctypes

import numpy as np
import pytest
from embreex.rtcore import EmbreeDevice

from pano_worlds.light import embree_device
from pano_worlds.light.tracing import Tracer
from pano_worlds.surfaces.builder import Builder, box, quad
from pano_worlds.vectors import F64
from tests.worlds.conftest import GREY

NATIVE_RAY16 = 34
"""Of rtcGetDeviceProperty: packets of 16 rays, which only the kernels for AVX-512 have."""
AHEAD = np.array([[0.0, 0.0, 1.0]])


def wall(b: Builder, x: float, width: float) -> None:
    """Add an upright rectangle in the plane 2 m ahead."""
    corners = [(x, 2.0, 0.0), (x + width, 2.0, 0.0), (x + width, 2.0, 3.0), (x, 2.0, 3.0)]
    quad(b, corners, GREY)


def found(b: Builder, origins: F64) -> list[int]:
    """Return the object, 1 and up, that rays ahead find; 0 for none."""
    surfaces = b.finish()
    directions = np.repeat(AHEAD, len(origins), axis=0)
    hits = Tracer(surfaces).first_hits(origins, directions)
    assert np.array_equal(hits.distance, np.full(len(origins), 2.0))
    prim, distance = Tracer(surfaces).nearest(
        origins.astype(np.float32), directions.astype(np.float32)
    )
    assert np.array_equal(prim, hits.triangle)
    assert np.array_equal(distance, np.full(len(origins), 2.0, np.float32))
    return [int(i) for i in surfaces.instance[hits.triangle]]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_surfaces_in_one_plane_the_one_built_last_is_found(order: tuple[int, ...]) -> None:
    spans = [(-3.0, 6.0), (-1.0, 2.0), (-0.5, 0.7)]
    b = Builder()
    for number in order:
        with b.object(f"wall {number}"):
            wall(b, *spans[number])
    x = np.linspace(-2.9, 2.9, 59) + 0.013
    expected = [
        1 + max(i for i, n in enumerate(order) if spans[n][0] < at < sum(spans[n])) for at in x
    ]
    origins = np.column_stack([x, np.full(len(x), -1.3), np.zeros(len(x))])
    assert found(b, origins) == expected


def test_what_stands_before_or_behind_a_plane_is_not_of_it() -> None:
    b = Builder()
    with b.object("wall"):
        wall(b, -3.0, 6.0)
    with b.object("behind"):  # its back lies in no plane of the wall
        box(b, (-1.0, 2.0005, 0.0), (1.0, 3.0, 2.0), GREY)
    assert found(b, np.array([[0.0, -1.0, 0.0], [2.0, -1.0, 0.0]])) == [1, 1]


def test_neighbours_in_a_plane_are_not_taken_for_one_another() -> None:
    b = Builder()
    for number in range(4):
        with b.object(f"tile {number}"):
            wall(b, float(number), 1.0)
    assert found(b, np.array([[n + 0.4, -1.0, 0.0] for n in range(4)])) == [1, 2, 3, 4]


def test_the_device_leaves_avx512_out() -> None:
    library = embree_device._library()
    assert library is not None
    field = ctypes.c_void_p.from_address(id(embree_device.common_device()) + object.__basicsize__)
    library.rtcGetDeviceProperty.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rtcGetDeviceProperty.restype = ctypes.c_ssize_t
    assert library.rtcGetDeviceProperty(field, 0) >= 40000  # it is a device of Embree 4
    assert library.rtcGetDeviceProperty(field, NATIVE_RAY16) == 0


@pytest.mark.parametrize("without", ["library", "field"])
def test_another_build_of_embreex_keeps_its_own_device(
    without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without == "library":
        monkeypatch.setattr(embree_device, "_library", lambda: None)
    else:
        monkeypatch.setattr(embree_device, "_POINTER", 16)
    device = embree_device.common_device.__wrapped__()
    assert isinstance(device, EmbreeDevice)
