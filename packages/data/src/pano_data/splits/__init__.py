"""Official split lists that are facts: ids of houses, rooms with known defects."""

from functools import cache
from importlib.resources import files

MATTERPORT3D = ("train", "val", "test")


@cache
def names(stem: str) -> frozenset[str]:
    """Read the non-empty lines of `<stem>.txt` beside this file, without comments (`#`)."""
    text = files(__name__).joinpath(f"{stem}.txt").read_text()
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return frozenset(line for line in lines if line)


def matterport3d(split: str) -> frozenset[str]:
    """Return the house ids of a split of the Matterport3D benchmark: 61 train, 11 val, 18 test."""
    return names(f"matterport3d_{split}")
