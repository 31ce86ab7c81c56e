"""Renames tensors between a release and our networks: one table, read in both directions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class KeyMap:
    """An ordered table of (published, ours) patterns; the first that matches a name renames it.

    In a pattern `#` stands for a number and a trailing `*` for any rest; both occur equally often
    and in the same order on both sides.
    """

    rules: tuple[tuple[str, str], ...]

    def to_ours(self, name: str) -> str | None:
        """Return our name of a published tensor, None if no rule matches."""
        return _rename(name, self._forward)

    def to_published(self, name: str) -> str | None:
        """Return the published name of one of our tensors, None if no rule matches."""
        return _rename(name, self._backward)

    @cached_property
    def _forward(self) -> list[tuple[re.Pattern[str], str]]:
        return [_compile(published, ours) for published, ours in self.rules]

    @cached_property
    def _backward(self) -> list[tuple[re.Pattern[str], str]]:
        return [_compile(ours, published) for published, ours in self.rules]


def with_prefix(
    published: str, ours: str, rules: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return the rules with a prefix on either side."""
    return tuple((published + a, ours + b) for a, b in rules)


def _compile(source: str, target: str) -> tuple[re.Pattern[str], str]:
    pattern = re.escape(source).replace(r"\#", r"(\d+)").replace("#", r"(\d+)")
    pattern = pattern.replace(r"\*", "(.*)")
    count = iter(range(1, 100))
    return re.compile(pattern), re.sub(r"[#*]", lambda _: rf"\g<{next(count)}>", target)


def _rename(name: str, rules: list[tuple[re.Pattern[str], str]]) -> str | None:
    for pattern, target in rules:
        match = pattern.fullmatch(name)
        if match:
            return match.expand(target)
    return None
