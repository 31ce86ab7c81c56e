"""What `torch.compile` is told about functions of this package."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.autograd import forward_ad

F = TypeVar("F", bound=Callable[..., Any])


def constant_result(function: F) -> F:
    """Mark a function whose result `torch.compile` takes as a constant.

    The same mark as that of `torch.compiler.assume_constant_result`, which loads the whole compiler
    when a function is marked: five seconds at every import, for users who never compile.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def is_transformed() -> bool:
    """Return whether tensors may stand for other values: then no branch may look at them.

    So it is under `torch.compile`, `torch.export`, `torch.jit.trace`, `make_fx`, fake tensors,
    and the transforms of `torch.func` (vmap, grad, jvp).
    """
    if torch.compiler.is_compiling():
        return True
    return (
        torch._C._functorch.peek_interpreter_stack() is not None
        or any(torch._C._get_dispatch_mode(key) is not None for key in _TRACING_MODES)
        or torch._C._get_tracing_state() is not None
        or forward_ad._current_level >= 0
    )


def is_known_size(n: object) -> bool:
    """Return whether a size is a number, not the symbol of an export with dynamic sizes."""
    return isinstance(n, int)


def is_differentiated_forward() -> bool:
    """Return whether `torch.func` or forward-mode derivatives are at work outside a compiler.

    They take derivatives of tensors that do not say `requires_grad`.
    """
    if torch.compiler.is_compiling():
        return False
    functional = torch._C._functorch.peek_interpreter_stack() is not None
    return functional or forward_ad._current_level >= 0


_TRACING_MODES = (
    torch._C._TorchDispatchModeKey.FAKE,
    torch._C._TorchDispatchModeKey.PROXY,
    torch._C._TorchDispatchModeKey.FUNCTIONAL,
)
