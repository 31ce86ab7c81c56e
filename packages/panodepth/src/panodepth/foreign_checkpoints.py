"""Checkpoints of panoramic networks that this package does not have: refused by their names.

Each is known by a tensor that no other has, so a file of one of them is told from a damaged one.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import pano_models
from pano_models import CheckpointError
from pano_models.weights.official import Release

ADVICE = (
    "run its authors' code, and score what it writes by panodepth evaluate --model folder:DIR "
    "(docs/evaluation.md)"
)


@dataclass(frozen=True)
class Foreign:
    """A published network of another family.

    Attributes:
        title: What it is called, with the terms of its weights.
        signature: A tensor of its checkpoints.
        advice: What to do with it.
    """

    title: str
    signature: str
    advice: str = ADVICE


FOREIGN = {
    "da360": Foreign("DA360 (weights MIT)", "depth_anything.pretrained.cls_token"),
    "panda": Foreign("PanDA (weights Apache-2.0)", "core.pretrained.cls_token"),
    "unik3d": Foreign("UniK3D (weights CC BY-NC-SA 4.0)", "pixel_encoder.cls_token"),
    "depth_anything": Foreign(
        "Depth Anything in its authors' layout, a perspective network",
        "pretrained.cls_token",
        "take the same weights in the layout of the hub (panodepth models lists them), as "
        "fusion:NAME of panodepth evaluate",
    ),
}
"""Name after `official:` -> network. Tensors as in the authors' code: no weights were opened."""


def _refuse(name: str, *_: Any, **__: Any) -> NoReturn:
    foreign = FOREIGN[name]
    raise CheckpointError(
        f"{foreign.title} is a network of its own, which this package does not have: "
        f"{foreign.advice}"
    )


def register() -> None:
    """Make `official:NAME=FILE` name these networks, and not call their files unknown."""
    known = pano_models.release_names()
    for name, foreign in FOREIGN.items():
        if name not in known:
            refuse = partial(_refuse, name)
            release = Release(foreign.signature, load=refuse, export=refuse)
            pano_models.register_release(name, release)
