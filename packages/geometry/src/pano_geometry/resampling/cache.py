"""A cache of sampling grids, bounded in bytes, safe under threads and fork."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

from pano_geometry.resampling.grids import Grid

DEFAULT_LIMIT = 256 << 20
REMEMBERED_KEYS = 4096


class GridCache:
    """Least recently used grids of this process.

    A grid without rotation is kept at once; one with a rotation when the same rotation comes a
    second time, so that random rotations (augmentation) leave no memory behind.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._grids: OrderedDict[Hashable, Grid] = OrderedDict()
        self._met: OrderedDict[Hashable, None] = OrderedDict()
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """Memory held now."""
        return self._nbytes

    @property
    def limit(self) -> int:
        """Most memory to hold, bytes; 0 turns the cache off."""
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        if value < 0:
            raise ValueError(f"limit: got {value}, expected a number of bytes >= 0")
        with self._lock:
            self._limit = value
            self._evict()

    def clear(self) -> None:
        """Let go of all grids."""
        with self._lock:
            self._grids.clear()
            self._met.clear()
            self._nbytes = 0

    def keeps(self, key: Hashable, at_once: bool) -> bool:
        """Return whether the grid of a key is held or worth it; remember that the key was met.

        Args:
            key: Of the grid.
            at_once: Whether the grid is worth keeping the first time.
        """
        with self._lock:
            return key in self._grids or self._worth_keeping(key, at_once)

    def get(self, key: Hashable, build: Callable[[], Grid]) -> Grid:
        """Return the grid of a key; build and keep it if it is not held."""
        with self._lock:
            grid = self._grids.get(key)
            if grid is not None:
                self._grids.move_to_end(key)
                return grid
        # Two threads may build the same grid; both are right, the later one stays.
        # A grid made under inference_mode could not be used in training later.
        with torch.inference_mode(mode=False):
            grid = build()
        with self._lock:
            self._put(key, grid)
        return grid

    def _worth_keeping(self, key: Hashable, at_once: bool) -> bool:
        met = at_once or key in self._met
        self._met[key] = None
        while len(self._met) > REMEMBERED_KEYS:
            self._met.popitem(last=False)
        return met and self._limit > 0

    def _put(self, key: Hashable, grid: Grid) -> None:
        previous = self._grids.pop(key, None)
        self._nbytes += grid.nbytes() - (previous.nbytes() if previous is not None else 0)
        self._grids[key] = grid
        self._evict()

    def _evict(self) -> None:
        while self._nbytes > self._limit and self._grids:
            _, grid = self._grids.popitem(last=False)
            self._nbytes -= grid.nbytes()


grid_cache = GridCache()
"""The cache that `resample` and everything built on it use."""

# A thread of the parent may hold the lock at the fork; the child starts afresh.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=grid_cache._reset)
