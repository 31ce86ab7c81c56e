"""State dicts: renames tensors, and fills a network strictly: what is dropped has its reason."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pano_models.errors import CheckpointError


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


M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class LoadReport:
    """What a load did beyond copying tensors of equal names.

    Args:
        dropped: Published name -> why it was not used.
        absent: Our names that the file lacks and the forward pass never reads.
    """

    dropped: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def __str__(self) -> str:
        reasons = sorted(set(self.dropped.values()))
        lines = [
            f"{sum(r == reason for r in self.dropped.values())} dropped: {reason}"
            for reason in reasons
        ]
        if self.absent:
            lines.append(f"{len(self.absent)} absent and never used")
        return "; ".join(lines) or "every tensor used"


def fill(
    model: nn.Module, state: Mapping[str, Tensor], never_used: Iterable[str] = ()
) -> tuple[str, ...]:
    """Copy `state` into `model`.

    Args:
        model: The network.
        state: Our names -> tensors.
        never_used: Prefixes of names that may be missing, since no forward pass reads them.

    Returns:
        The names under `never_used` that were missing.

    Raises:
        CheckpointError: Names the first missing, unexpected and wrongly shaped tensors, or those
            that hold NaN or infinity; nothing is copied.
    """
    own = model.state_dict()
    allowed = tuple(never_used)
    missing = [name for name in own if name not in state]
    absent = tuple(name for name in missing if allowed and name.startswith(allowed))
    problems = {
        "missing": [name for name in missing if name not in absent],
        "unexpected": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(tensor.shape)} (expected {tuple(own[name].shape)})"
            for name, tensor in state.items()
            if name in own and own[name].shape != tensor.shape
        ],
    }
    if any(problems.values()):
        raise CheckpointError(f"weights do not fit {type(model).__name__}: {_describe(problems)}")
    check_finite(state, f"the weights for {type(model).__name__}")
    model.load_state_dict(state, strict=not absent)
    return absent


def check_finite(state: Mapping[str, Tensor], origin: str) -> None:
    """Refuse weights that would turn every prediction into NaN.

    Raises:
        CheckpointError: Names the first tensors that hold NaN or infinity, with their counts.
    """
    broken = [name for name, tensor in state.items() if not _is_finite(tensor)]
    if broken:
        found = [f"{n} ({_not_finite(state[n])} of {state[n].numel()} values)" for n in broken]
        raise CheckpointError(
            f"{origin} are {_describe({'NaN or infinite': found})}; "
            "expected finite numbers. The training diverged before they were saved, or the file is "
            "damaged: take an earlier checkpoint, or fetch the file again"
        )


def _is_finite(tensor: Tensor) -> bool:
    # a sum reads once and writes nothing; only large finite values make it overflow
    if not tensor.is_floating_point() or bool(tensor.sum().isfinite()):
        return True
    return _not_finite(tensor) == 0


def _not_finite(tensor: Tensor) -> int:
    return int((~tensor.isfinite()).sum())


def build_and_fill(
    build: Callable[[], M], state: Mapping[str, Tensor], never_used: Iterable[str] = ()
) -> tuple[M, tuple[str, ...]]:
    """As `fill`, for a network that takes its first values from `state`: no random initialisation.

    Initialising a ViT-L takes longer than reading it. Every module with buffers outside the state
    dict has to know `init_non_persistent_buffers` (as timm's have); else the network is built
    in the ordinary way.
    """
    with torch.device("meta"):
        model = build()
    constants: list[Any] = [m for m in model.modules() if _has_constants(m)]
    if all(hasattr(module, "init_non_persistent_buffers") for module in constants):
        model.to_empty(device="cpu")
        for module in constants:
            module.init_non_persistent_buffers()
    else:
        model = build()
    absent = fill(model, state, never_used)
    for name in absent:
        model.get_parameter(name).detach().zero_()
    return model, absent


def _has_constants(module: Any) -> bool:
    return any(getattr(module, n) is not None for n in module._non_persistent_buffers_set)


def _describe(problems: dict[str, list[str]]) -> str:
    parts = []
    for kind, names in problems.items():
        if names:
            rest = f", ... ({len(names)} in all)" if len(names) > 3 else ""
            parts.append(f"{kind}: {', '.join(names[:3])}{rest}")
    return "; ".join(parts)
