"""How one data set is imitated."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pano_worlds.miniatures.studio import Shot, Studio
from pano_worlds.world import WorldKind

AppearanceName = Literal["clean", "camera", "marked"]


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """A writer of small trees in the layout of one data set.

    Attributes:
        name: Data set id.
        write_scene: Writes one scene below the root.
        splits: Scenes per split that are written if the caller does not say.
        size: Stored `(height, width)` if the caller does not say.
        kind: Worlds it is made of.
        appearance: `clean` (synthetic sets), `camera` (real sets) or `marked` (real sets without
            labels: tripods and watermarks, too).
        surroundings: The writer knows what lies around its perspective pictures.
        most: Scenes that a split has room for, where each needs a house of its own.
        finish: Writes what spans scenes (lists, tables) when all scenes are there.
    """

    name: str
    write_scene: Callable[[Path, Studio, Shot], None]
    splits: Mapping[str, int]
    size: tuple[int, int] = (64, 128)
    kind: WorldKind = "indoor"
    appearance: AppearanceName = "clean"
    surroundings: bool = False
    most: Mapping[str, int] = field(default_factory=dict)
    finish: Callable[[Path, Sequence[Shot]], None] | None = None


def digits(*parts: object, length: int = 32) -> str:
    """Make a hexadecimal name that depends on nothing but the parts."""
    text = "/".join(str(part) for part in parts)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:length]
