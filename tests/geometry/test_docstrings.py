"""What a public function raises on its own is documented where its user reads."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import pano_geometry as pg
from pano_geometry import errors

CHECKS = {name: check for name, check in vars(errors).items() if name.startswith("check_")}
MADE_BY = ("__init__", "__post_init__")


def documented(of: Any) -> str:
    """Return the section `Raises:` of a docstring."""
    return (inspect.getdoc(of) or "").partition("Raises:")[2].partition("\n\n")[0]


def raised(function: Any) -> set[str]:
    """Return the errors that a function raises itself or by the checks that it calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found.add(ast.unparse(node.exc.func))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in CHECKS:
            check = documented(CHECKS[ast.unparse(node.func)])
            found |= {line.split(":")[0].strip() for line in check.splitlines() if ": If" in line}
    return found


def public() -> Iterator[tuple[str, Any, set[str]]]:
    """Yield name, documented object and errors of all that the package offers."""
    for name in pg.__all__:
        offered = getattr(pg, name)
        if not inspect.isclass(offered):
            if inspect.isfunction(inspect.unwrap(offered)):
                yield name, offered, raised(offered)
            continue
        if issubclass(offered, BaseException):
            continue
        makers = [c.__dict__[m] for c in offered.__mro__ for m in MADE_BY if m in c.__dict__]
        own = [maker for maker in makers if inspect.isfunction(maker) and has_source(maker)]
        yield name, offered, set().union(*map(raised, own))
        for method, function in vars(offered).items():
            plain = getattr(function, "__func__", function)
            if inspect.isfunction(plain) and not method.startswith("_") and has_source(plain):
                yield f"{name}.{method}", plain, raised(plain)


def has_source(function: Any) -> bool:
    """Whether it is written out; a dataclass makes its `__init__` from text."""
    return inspect.getsourcefile(function) is not None and "<" not in function.__code__.co_filename


FOUND = list(public())


def test_functions_and_classes_are_looked_at() -> None:
    errors_of = {name: found for name, _, found in FOUND}
    assert errors_of["row_latitudes"] == {"TypeError", "ValueError"}
    assert errors_of["Perspective"] == {"TypeError", "ValueError", "ShapeError"}
    assert len(errors_of) > 80


@pytest.mark.parametrize(("name", "of", "errors"), FOUND, ids=[name for name, *_ in FOUND])
def test_every_error_is_documented(name: str, of: Any, errors: set[str]) -> None:
    text = documented(of)
    missing = sorted(error for error in errors if f"{error}:" not in text)
    assert not missing, f"{name} raises {missing}: name them under `Raises:`"
