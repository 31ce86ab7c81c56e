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
AT_GIVEN_POSES = (
    " at their poses. Of different rooms: --solve common. Poses that are off: leave them out. A "
    "scale that is known: give it with the poses, and --solve none"
)
WITHOUT_POSES = (
    ", level and looking the same way within about 10°: leave out what is of another room, or give "
    "--poses"
)
MOST_BETWEEN_ROOMS = 0.1  # of different rooms: .01 with a door, .09 with errors of 10 %


def align(
    panoramas: Sequence[PosedPanorama], free: FreeParameters, despite_misfit: bool = False
) -> tuple[list[PosedPanorama], dict[str, Any]]:
    """Bring panoramas into one frame by their surfaces.

    Args:
        panoramas: With poses to start from. Unknown ones start where the first one is: the
            panoramas must be level, point the same way within about 10°, and overlap.
        free: What to estimate.
        despite_misfit: Return panoramas that do not lie on the others, too, instead of raising.

    Returns:
        The posed panoramas, and what was found: poses and overlap by name; under `misfit`, what
        the error would have said.

    Raises:
        CommandError: After the estimate, a panorama does not lie on the others, and
            `despite_misfit` is not set.
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
    misfit = None
    if len(panoramas) > 1 and free.common:
        misfit = _misfit_of_rooms(aligned, named)
    elif len(panoramas) > 1 and (free.scale or free.pose):
        misfit = _misfit(aligned, named, given=not free.pose)
    if misfit and not despite_misfit:
        raise CommandError(f"{misfit}. --despite-misfit writes them as they lie")
    found = {
        p.name: {"scale": q.scale, "position": q.position.tolist(), "rotation": q.rotation.tolist()}
        for p, q in zip(panoramas, poses, strict=True)
    }
    return aligned, {"poses": found, "overlap": named} | ({"misfit": misfit} if misfit else {})


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


def _misfit_of_rooms(panoramas: Sequence[PosedPanorama], overlap: dict[str, float]) -> str | None:
    """Say why different rooms tell nothing of a common scale, or contradict each other."""
    if max(measure_agreement(panoramas)) < LEAST_AGREEMENT:
        return (
            "no two panoramas agree on a surface that both see, so their positions tell no scale; "
            "check them, or give positions in the unit of the distances and --solve none"
        )
    lost = [
        name
        for name, hole in zip(overlap, measure_see_through(panoramas, worst=True), strict=True)
        if hole > MOST_BETWEEN_ROOMS
    ]
    if lost:
        return (
            f"{', '.join(lost)}: more than {MOST_BETWEEN_ROOMS:.0%} of a surface lies where "
            "another panorama sees through; expected positions and rotations of one house and "
            "distances in one unit"
        )
    return None


def _misfit(
    panoramas: Sequence[PosedPanorama], overlap: dict[str, float], given: bool
) -> str | None:
    """Say which panoramas do not lie on the others; `given`: at poses that were not estimated."""
    lost = [
        name
        for (name, share), hole in zip(overlap.items(), measure_see_through(panoramas), strict=True)
        if share < ENOUGH_OVERLAP or hole > MOST_SEEN_THROUGH
    ]
    if lost:
        found = ", ".join(f"{name} {overlap[name]:.0%}" for name in lost)
        return (
            f"{', '.join(lost)} could not be aligned: less than {ENOUGH_OVERLAP:.0%} of the "
            f"surface lies on another panorama ({found}), or more than {MOST_SEEN_THROUGH:.0%} is "
            "seen through; expected panoramas of one room"
            + (AT_GIVEN_POSES if given else WITHOUT_POSES)
        )
    return None
