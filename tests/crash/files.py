"""A small data set on disk, the ways files break, and what readers may say about it."""

import random
from pathlib import Path

import numpy as np

from experiments.pipeline.params import ParamsError
from pano_data import DataError, Row
from pano_data.io.encode import write_float16_png, write_png
from pano_models.errors import CheckpointError, ModelNotFoundError
from panodepth.errors import CommandError

TOLD = (DataError, CheckpointError, ModelNotFoundError, ParamsError, CommandError)
"""Errors that a command tells in a line; any other is a traceback in front of a user."""
SIZE = (16, 32)


def panoramas(folder: Path, count: int, rng: random.Random) -> list[Row]:
    """Write pictures with half-float labels and masks, and return their rows."""
    values, rows = np.random.default_rng(rng.getrandbits(32)), []
    for number in range(count):
        name = f"{number:03}"
        write_png(folder / f"{name}.png", values.integers(0, 255, (*SIZE, 3), np.uint8))
        write_float16_png(folder / f"{name}_d.png", values.uniform(0.5, 9, SIZE).astype("f4"))
        write_png(folder / f"{name}_m.png", np.full(SIZE, 255, np.uint8))
        rows.append(
            Row(
                key=name, dataset="lab", split="train", scene=name, image=f"{name}.png",
                depth=f"{name}_d.png", mask=f"{name}_m.png", encoding="png_float16",
                kind="distance",
            )
        )  # fmt: skip
    return rows


def flip(data: bytes, rng: random.Random, first: int = 0) -> bytes:
    """Turn one bit over."""
    changed = bytearray(data)
    changed[rng.randrange(first, len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    """Keep the beginning."""
    return data[: rng.randrange(len(data))]


def empty(data: bytes, rng: random.Random) -> bytes:
    """Keep nothing."""
    return b""


def zeros(data: bytes, rng: random.Random) -> bytes:
    """Lose the tail, as a power cut does to a file that was not flushed."""
    at = rng.randrange(len(data) // 2)
    return data[:at] + bytes(len(data) - at)


def noise(data: bytes, rng: random.Random) -> bytes:
    """Hold something else of the same size."""
    return rng.randbytes(len(data))


def page(data: bytes, rng: random.Random) -> bytes:
    """Hold the error page of a download."""
    return b"<!DOCTYPE html><title>404</title>"


DAMAGES = (flip, cut, empty, zeros, noise, page)
