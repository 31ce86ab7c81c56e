"""Makes the students' checkpoints known: the authors', and those trained by Depth Anywhere (which predict disparity)."""

from pano_models.weights import bifuse_plus, egformer, hohonet, unifuse
from pano_models.weights.official import Release, register_release

DEPTH_ANYWHERE = "_depth_anywhere"
"""Suffix of the release names of Depth Anywhere's checkpoints."""

RELEASES: dict[str, tuple[Release, Release]] = {
    "unifuse": (unifuse.RELEASE, unifuse.DEPTH_ANYWHERE),
    "bifuse_plus": (bifuse_plus.RELEASE, bifuse_plus.DEPTH_ANYWHERE),
    "hohonet": (hohonet.RELEASE, hohonet.DEPTH_ANYWHERE),
    "egformer": (egformer.RELEASE, egformer.DEPTH_ANYWHERE),
}


def register_students() -> None:
    """Register both flavours of the four students."""
    for name, (original, depth_anywhere) in RELEASES.items():
        register_release(name, original)
        register_release(name + DEPTH_ANYWHERE, depth_anywhere)
