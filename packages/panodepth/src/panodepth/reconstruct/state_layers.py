"""Layers of a room in several states: each later one against the first."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from panodepth.errors import CommandError
from panodepth.reconstruct.files import write_states
from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.room_states import compare_states


def write_layers(
    first: Sequence[PosedPanorama], later: Mapping[str, Sequence[PosedPanorama]], out: Path
) -> Iterator[str]:
    """Write what stayed, went and came, of every panorama.

    Args:
        first: The first state.
        later: The same panoramas in other states, by the names of the states; several get a folder
        each.
        out: Output folder.

    Yields:
        One line per panorama and state about what was found.

    Raises:
        CommandError: A later state lacks a panorama; nothing is written then.
        ValueError: Two states of a panorama cannot be compared.
    """
    states = {state: _as_first(first, state, panoramas) for state, panoramas in later.items()}
    unit = "m" if first[0].metric else "relative"
    for state, panoramas in states.items():
        folder = out / state if len(states) > 1 else out
        for before, after in zip(first, panoramas, strict=True):
            layers = compare_states(before, after)
            write_states(folder, before.name, layers, unit)
            counts = ", ".join(f"{len(layer.points)} {name}" for name, layer in layers.items())
            yield f"{state}, {before.name}: {counts} points"


def _as_first(
    first: Sequence[PosedPanorama], state: str, panoramas: Sequence[PosedPanorama]
) -> list[PosedPanorama]:
    found = {p.name: p for p in panoramas}
    missing = [p.name for p in first if p.name not in found]
    if missing:
        raise CommandError(f"{state} lacks {', '.join(missing)}: expected the same names")
    return [found[p.name] for p in first]
