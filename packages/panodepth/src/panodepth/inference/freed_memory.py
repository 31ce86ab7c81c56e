"""Memory that was freed goes back to the system at once, where the C library can be told so."""

import ctypes

M_MMAP_THRESHOLD = -3
"""Of mallopt(3)."""
LARGE = 2**20
"""Bytes of an array that gets pages of its own."""


def return_large_arrays() -> bool:
    """Let glibc map every array from `LARGE` on by itself, so that freeing it unmaps it.

    By default it moves its limit up to the largest array that was freed, 32 MB at most, and keeps
    what lies below: after the maps, points and pictures of one large panorama some 200 MB.

    Returns:
        Whether the C library has such a setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE))
