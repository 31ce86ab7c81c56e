"""What each group of images adds to the loss of a batch, e.g. each data set of a mixture."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from pano_losses.reduction import Reduced
from pano_losses.terms import Term, WeightedSum

MASK = "valid"
"""How the name of the mask among the maps of a term ends."""


def split_loss(
    loss: WeightedSum,
    maps: Mapping[str, Tensor],
    groups: Mapping[str, Mapping[str, Tensor]],
) -> dict[str, Tensor]:
    """Split the total of `loss(**maps)` into the parts that groups of its rows add.

    A term is computed for the rows of a group alone and weighted by what the group is of the batch:
    by its share of the images that have a valid pixel, or of the valid pixels where the term has
    `averaging="pixel"`. The parts sum to the total where a term mixes the images of a batch in no
    other way. (`BerHu` with `switch="batch"` shares a threshold; a normal does not exist at every
    valid pixel.)

    Args:
        loss: The weighted sum.
        maps: What it was called with; the first axis of each is rows.
        groups: For each group, the indices of its rows in each map; groups do not overlap.

    Returns:
        A scalar for each group, which carries the gradient; zero for one without rows.
    """
    parts = {group: torch.zeros((), device=_any(maps).device) for group in groups}
    for name, module in loss.terms.items():
        term = cast("Term", module)
        given = loss.arguments(name, dict(maps))
        amounts = {group: _amount(term, _rows(given, rows, name)) for group, rows in groups.items()}
        total = sum(amounts.values())
        for group, rows in groups.items():
            if amounts[group] > 0:
                reduced: Reduced = term(**_rows(given, rows, name))
                share = amounts[group] / total
                parts[group] = parts[group] + term.weight * share * reduced.value
    return parts


def _any(maps: Mapping[str, Tensor]) -> Tensor:
    return next(iter(maps.values()))


def _rows(given: Mapping[str, Tensor], rows: Mapping[str, Tensor], term: str) -> dict[str, Tensor]:
    missing = sorted(set(given) - set(rows))
    if missing:
        raise ValueError(f"term {term!r}: got no rows for {missing}, expected those of each map")
    return {name: value[rows[name].to(value.device)] for name, value in given.items()}


def _amount(term: Term, given: Mapping[str, Tensor]) -> float:
    mask = next((value for name, value in given.items() if name.endswith(MASK)), None)
    if mask is None:
        return float(len(_any(given)))
    per_image = mask.flatten(1).sum(1)
    by_pixel = getattr(term, "averaging", "image") == "pixel"
    return float(per_image.sum() if by_pixel else (per_image > 0).sum())
