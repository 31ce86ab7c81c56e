"""Band-limited value noise from integer hashes: the same on every machine, smooth at any scale."""

import numpy as np

from pano_worlds.vectors import F64, U32, Index

# Points that have faded out are taken out of the sum when they are more than a tenth.
_WORTHWHILE = 0.9


_ALONG, _ACROSS = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77)


def hashed(ix: np.ndarray, iy: np.ndarray, seed: int) -> F64:
    """Return pseudo-random numbers in [0, 1) for integer lattice points."""
    return _scrambled(_lattice(ix, _ALONG) ^ _lattice(iy, _ACROSS) ^ _salt(seed))


def _lattice(index: np.ndarray, factor: np.uint32) -> U32:
    """Return products modulo 2^32; the next lattice point adds `factor`."""
    return index.astype(np.int64).astype(np.uint32) * factor


def _salt(seed: int) -> np.uint32:
    return np.uint32((seed * 0xC2B2AE3D) & 0xFFFFFFFF)


def _scrambled(h: U32) -> F64:
    """Return numbers in [0, 1) from hashes; overwrites `h`."""
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(12)
    h *= np.uint32(0x297A2D39)
    h ^= h >> np.uint32(15)
    result: F64 = h.astype(np.float64)
    result *= 1.0 / 4294967296.0
    return result


def value_noise(x: F64, y: F64, seed: int) -> F64:
    """Return smooth noise in [0, 1] with features of size 1."""
    fx, fy = np.floor(x), np.floor(y)
    left, top = _lattice(fx, _ALONG), _lattice(fy, _ACROSS)
    right, below = left + _ALONG, top + _ACROSS
    top ^= _salt(seed)
    below ^= _salt(seed)
    u, v = x - fx, y - fy
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    back = 1.0 - u
    low = _between(_scrambled(left ^ top), _scrambled(right ^ top), back, u)
    high = _between(_scrambled(left ^ below), _scrambled(right ^ below), back, u)
    return _between(low, high, 1.0 - v, v)


def _between(first: F64, second: F64, back: F64, share: F64) -> F64:
    """Return `first * back + second * share`; overwrites both."""
    first *= back
    second *= share
    first += second
    return first


def fractal(x: F64, y: F64, width: F64, seed: int, octaves: int = 3) -> F64:
    """Sum up octaves, in about [-1, 1]; octaves finer than the filter `width` fade out.

    Args:
        x: Coordinate in units of the coarsest feature.
        y: The other coordinate.
        width: Size of a pixel in the same units.
        seed: Pattern number.
        octaves: How many, each half the size of the last.
    """
    total, gain = np.zeros(x.shape), 1.0
    # where one octave has faded out, so have the finer ones
    rest, added = (x.reshape(-1), y.reshape(-1), 1.5 * width.reshape(-1)), total.reshape(-1)
    here: Index | None = None
    for octave in range(octaves):
        scale = float(2**octave)
        fade = np.minimum(np.maximum(1.5 - rest[2] * scale, 0.0), 1.0)
        alive = np.flatnonzero(fade)
        if not len(alive):
            break
        if len(alive) < _WORTHWHILE * len(fade):
            here = alive if here is None else here[alive]
            rest, fade = (rest[0][alive], rest[1][alive], rest[2][alive]), fade[alive]
        noise = value_noise(rest[0] * scale, rest[1] * scale, seed + 31 * octave)
        added[slice(None) if here is None else here] += gain * fade * (2.0 * noise - 1.0)
        gain *= 0.5
    return total


def pulse(x: F64, width: F64, duty: float) -> F64:
    """Return a box-filtered pulse train that is 1 for the first `duty` of each period of 1.

    Source: integral of the pulse train over the filter, e.g. Ebert et al., Texturing and
    Modeling, ch. 2.
    """
    w = np.maximum(width, 1e-6)
    low, high = x - 0.5 * w, x + 0.5 * w
    return (_ramp(high, duty) - _ramp(low, duty)) / w


def _ramp(x: F64, duty: float) -> F64:
    whole = np.floor(x)
    return whole * duty + np.minimum(x - whole, duty)
