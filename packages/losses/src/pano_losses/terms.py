"""Loss terms by name, and their weighted sum.

A term is a module whose `forward` takes keyword arguments only. Their names say which maps it
needs; a parameter with a default is optional. `WeightedSum` hands every term what it names.
"""

import inspect
from typing import cast

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
