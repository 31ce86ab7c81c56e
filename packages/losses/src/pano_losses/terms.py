"""Loss terms by name, their weighted sum, and what each group of images adds to it.

A term is a module whose `forward` takes keyword arguments only. Their names say which maps it
needs; a parameter with a default is optional. `WeightedSum` hands every term what it names.
"""

import inspect
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from pano_losses.reduction import Reduced


class Term(nn.Module):
    """Base of the loss terms.

    Args:
        weight: Factor in a `WeightedSum`; the term itself returns its unweighted value.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def extra_repr(self) -> str:
        """Say the weight, for printed modules."""
        return f"weight={self.weight}"


class WeightedSum(nn.Module):
    """Weighted sum of named loss terms.

    Args:
        terms: Terms by the name under which they are reported.
        report_empty: Add `<name>_empty` to the reported values: 1 where a term had no valid
            pixel in the whole batch (its value is then zero, with zero gradient).

    Raises:
        ValueError: If there is no term.
    """

    def __init__(self, terms: dict[str, Term], report_empty: bool = False) -> None:
        super().__init__()
        if not terms:
            raise ValueError("got no terms, expected at least one")
        self.terms = nn.ModuleDict(terms)
        self.report_empty = report_empty
        self._required = {name: _maps(term, required=True) for name, term in terms.items()}
        self._accepted = {name: _maps(term, required=False) for name, term in terms.items()}

    def forward(self, **maps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of `weight * value` over the terms.

        Args:
            **maps: Everything the terms name, for example `prediction`, `target`, `valid`.
                Maps that no term names are ignored.

        Returns:
            The total, which carries the gradient, and the unweighted values by name, detached.

        Raises:
            ValueError: If a term names a map that is missing.
        """
        total: Tensor | None = None
        values: dict[str, Tensor] = {}
        for name, module in self.terms.items():
            term = cast("Term", module)
            reduced: Reduced = term(**self.arguments(name, maps))
            share = term.weight * reduced.value
            total = share if total is None else total + share
            values[name] = reduced.value.detach()
            if self.report_empty:
                values[f"{name}_empty"] = reduced.empty.detach().to(share.dtype)
        assert total is not None
        return total, values

    def arguments(self, name: str, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the maps that the named term takes.

        Raises:
            ValueError: A map that the term needs is missing.
        """
        missing = [m for m in self._required[name] if m not in maps]
        if missing:
            raise ValueError(
                f"loss term {name!r} needs {missing}, got {sorted(maps)}: pass them by name"
            )
        return {m: maps[m] for m in self._accepted[name] if m in maps}


def _maps(term: Term, *, required: bool) -> tuple[str, ...]:
    parameters = inspect.signature(term.forward).parameters.values()
    return tuple(p.name for p in parameters if not required or p.default is p.empty)


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
