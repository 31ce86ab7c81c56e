"""Published weights this package can read: where they come from, and under which terms."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedWeights:
    """One published weight file.

    Args:
        name: the release's name for `load_official`, or the backbone's name in timm.
        repository: the repository at the hub that the authors name.
        file: the file in it.
        licence: the terms the authors state; None where sources disagree (see `note`).
        size: bytes, None where not known.
        sha256: of the file, None where nobody could state it.
        note: what a user has to know before using the file.
    """

    name: str
    repository: str
    file: str
    licence: str | None
    size: int | None = None
    sha256: str | None = None
    note: str = ""


PUBLISHED = (
    PublishedWeights(
        name="da2",
        repository="haodongli/DA-2",
        file="model.safetensors",
        licence="Apache-2.0",
        note=(
            "the code repository states Apache-2.0; the head follows UniK3D, which is "
            "CC BY-NC-SA 4.0, and whether its weights were the start is not stated"
        ),
    ),
    PublishedWeights(
        name="dap",
        repository="Insta360-Research/DAP-weights",
        file="model.pth",
        licence=None,
        size=1_460_746_347,
        note=(
            "the code is MIT, a model card states Apache-2.0, the weights derive from DINOv3, "
            "whose licence has to go with them; the size is a third party's, and the hash it gives has 65 digits, so none is kept"
        ),
    ),
    PublishedWeights(
        name="vit_large_patch14_dinov2",
        repository="timm/vit_large_patch14_dinov2.lvd142m",
        file="model.safetensors",
        licence="Apache-2.0",
    ),
    PublishedWeights(
        name="vit_large_patch16_dinov3_qkvb",
        repository="timm/vit_large_patch16_dinov3_qkvb.lvd1689m",
        file="model.safetensors",
        licence="DINOv3 License",
        note="Meta's own licence: redistribution of derivatives has to carry it",
    ),
)
"""Nothing here is downloaded unasked; nothing is part of this repository."""


def published(name: str) -> PublishedWeights:
    """The entry of a release or backbone.

    Raises:
        KeyError: no such entry.
    """
    for entry in PUBLISHED:
        if entry.name == name:
            return entry
    raise KeyError(f"no published weights {name!r}; known: {[e.name for e in PUBLISHED]}")
