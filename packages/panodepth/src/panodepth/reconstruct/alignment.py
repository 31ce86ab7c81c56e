"""Panoramas of one place in one frame: poses and scales from their surfaces, or a refusal."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from panodepth.errors import CommandError
from panodepth.reconstruct.pose_search import (
    measure_agreement,
    measure_see_through,
    search_common_scale,
    search_poses,
)
from panodepth.reconstruct.posed_panorama import PosedPanorama, replace_poses
from panodepth.reconstruct.registration import (
    FreeParameters,
    measure_overlaps,
    register_scales,
)

REGISTRATION_POINTS = 4000
ENOUGH_OVERLAP = 0.5
MOST_SEEN_THROUGH = 0.2
LEAST_AGREEMENT = 0.03  # of different rooms: .27 with a door, .04 with errors of 10 %, .01 without
MOST_BETWEEN_ROOMS = 0.1  # of different rooms: .01 with a door, .09 with errors of 10 %


def align(
    panoramas: Sequence[PosedPanorama], free: FreeParameters
) -> tuple[list[PosedPanorama], dict[str, Any]]:
    """Bring panoramas into one frame by their surfaces.

    Args:
        panoramas: With poses to start from. Unknown ones start where the first one is: the
            panoramas must be level, point the same way within about 10°, and overlap.
        free: What to estimate.

    Returns:
        The posed panoramas, and what was found: poses and overlap by name.

    Raises:
        CommandError: After the estimate, a panorama does not lie on the others.
    """
    clouds = [p.cloud(REGISTRATION_POINTS) for p in panoramas]
    poses = [p.pose for p in panoramas]
    if len(panoramas) > 1 and free.common:
        _check_places(panoramas)
        poses = search_common_scale(panoramas)
    elif len(panoramas) > 1 and free.pose:
        poses = search_poses(panoramas, free)
    elif len(panoramas) > 1 and free.scale:
        poses = register_scales(clouds, poses)
    aligned = replace_poses(panoramas, poses)
    shares = measure_overlaps(clouds, poses) if len(panoramas) > 1 else [1.0]
    named = {p.name: round(s, 4) for p, s in zip(panoramas, shares, strict=True)}
    if len(panoramas) > 1 and free.common:
        _refuse_unconnected(aligned, named)
    elif len(panoramas) > 1 and (free.scale or free.pose):
        _refuse_lost(aligned, named)
    found = {
        p.name: {"scale": q.scale, "position": q.position.tolist(), "rotation": q.rotation.tolist()}
        for p, q in zip(panoramas, poses, strict=True)
    }
    return aligned, {"poses": found, "overlap": named}


def choose_unit(panoramas: Sequence[PosedPanorama], scaled: bool) -> str:
    """Unit of the world.

    Metres where distances were scaled to given positions or the first panorama measures them, else
    its own: positions that go with unscaled distances are in their unit.
    """
    return "m" if scaled or panoramas[0].metric else "relative"


def _check_places(panoramas: Sequence[PosedPanorama]) -> None:
    places = {tuple(np.round(p.pose.position, 6)) for p in panoramas}
    if len(places) < len(panoramas):
        raise CommandError("--solve common: two panoramas have one position, expected each its own")


def _refuse_unconnected(panoramas: Sequence[PosedPanorama], overlap: dict[str, float]) -> None:
    """Refuse different rooms that tell nothing of a common scale, or contradict each other."""
    if max(measure_agreement(panoramas)) < LEAST_AGREEMENT:
        raise CommandError(
            "no two panoramas agree on a surface that both see, so their positions tell no scale; "
            "check them, or give positions in the unit of the distances and --solve none"
        )
    lost = [
        name
        for name, hole in zip(overlap, measure_see_through(panoramas, worst=True), strict=True)
        if hole > MOST_BETWEEN_ROOMS
    ]
    if lost:
        raise CommandError(
            f"{', '.join(lost)}: more than {MOST_BETWEEN_ROOMS:.0%} of a surface lies where "
            "another panorama sees through; expected positions and rotations of one house and "
            "distances in one unit"
        )


def _refuse_lost(panoramas: Sequence[PosedPanorama], overlap: dict[str, float]) -> None:
    lost = [
        name
        for (name, share), hole in zip(overlap.items(), measure_see_through(panoramas), strict=True)
        if share < ENOUGH_OVERLAP or hole > MOST_SEEN_THROUGH
    ]
    if lost:
        raise CommandError(
            f"{', '.join(lost)} could not be aligned: less than {ENOUGH_OVERLAP:.0%} of the "
            f"surface lies on another panorama, or more than {MOST_SEEN_THROUGH:.0%} is seen "
            "through; give --poses, or leave it out; of different rooms at known poses: --solve "
            "common"
        )
