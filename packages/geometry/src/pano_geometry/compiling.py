"""What `torch.compile` is told about functions of this package."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def constant_result(function: F) -> F:
    """Mark a function whose result `torch.compile` takes as a constant.

    The same mark as that of `torch.compiler.assume_constant_result`, which loads the whole compiler
    when a function is marked: five seconds at every import, for users who never compile.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
