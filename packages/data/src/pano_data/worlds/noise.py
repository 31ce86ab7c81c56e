"""Band-limited value noise from integer hashes: the same on every machine, and smooth at any distance."""

import numpy as np

from pano_data.worlds.arrays import F64


def hashed(ix: np.ndarray, iy: np.ndarray, seed: int) -> F64:
    """Pseudo-random numbers in [0, 1) for integer lattice points."""
    with np.errstate(over="ignore"):
        h = ix.astype(np.int64).astype(np.uint32) * np.uint32(0x9E3779B1)
        h ^= iy.astype(np.int64).astype(np.uint32) * np.uint32(0x85EBCA77)
        h ^= np.uint32((seed * 0xC2B2AE3D) & 0xFFFFFFFF)
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x2C1B3C6D)
        h ^= h >> np.uint32(12)
        h *= np.uint32(0x297A2D39)
        h ^= h >> np.uint32(15)
    return h.astype(np.float64) * (1.0 / 4294967296.0)


def value_noise(x: F64, y: F64, seed: int) -> F64:
    """Smooth noise in [0, 1] with features of size 1."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = fx.astype(np.int64), fy.astype(np.int64)
    u, v = x - fx, y - fy
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low = hashed(ix, iy, seed) * (1.0 - u) + hashed(ix + 1, iy, seed) * u
    high = hashed(ix, iy + 1, seed) * (1.0 - u) + hashed(ix + 1, iy + 1, seed) * u
    return low * (1.0 - v) + high * v


def fractal(x: F64, y: F64, width: F64, seed: int, octaves: int = 3) -> F64:
    """Sum of octaves in about [-1, 1]; octaves finer than the filter `width` fade out.

    Args:
        x: Coordinate in units of the coarsest feature.
        y: The other coordinate.
        width: Size of a pixel in the same units.
        seed: Pattern number.
        octaves: How many, each half the size of the last.
    """
    total, gain = np.zeros_like(x), 1.0
    for octave in range(octaves):
        scale = float(2**octave)
        fade = np.clip(1.5 - 1.5 * width * scale, 0.0, 1.0)
        if not fade.any():
            break
        total += gain * fade * (2.0 * value_noise(x * scale, y * scale, seed + 31 * octave) - 1.0)
        gain *= 0.5
    return total


def pulse(x: F64, width: F64, duty: float) -> F64:
    """Box-filtered pulse train of period 1 that is 1 for the first `duty` of each period.

    Source: integral of the pulse train over the filter, e.g. Ebert et al., Texturing and Modeling, ch. 2.
    """
    w = np.maximum(width, 1e-6)
    low, high = x - 0.5 * w, x + 0.5 * w
    return (_ramp(high, duty) - _ramp(low, duty)) / w


def _ramp(x: F64, duty: float) -> F64:
    whole = np.floor(x)
    return whole * duty + np.minimum(x - whole, duty)
