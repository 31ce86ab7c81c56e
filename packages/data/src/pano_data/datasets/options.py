"""What a data set lets choose: keyword arguments of its `find`, named, explained, checked."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pano_data.errors import DataError

_ENTRY = re.compile(r"^    (\w+): (.*(?:\n      .*)*)", re.MULTILINE)
_SCALARS = {bool: "true or false", str: "a name", int: "a whole number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Option:
    """One choice that a data set offers.

    Attributes:
        name: Keyword of `DatasetSpec.rows`.
        meaning: One or two sentences.
        default: What is taken where nothing is said.
        expected: What a value must be, in words.
        hint: Its type.
    """

    name: str
    meaning: str
    default: object
    expected: str
    hint: Any


def options_of(find: Callable[..., Any]) -> dict[str, Option]:
    """Read the options of a `find(root, split, **options)` from its signature and docstring.

    What `functools.partial` has bound is no choice any more.
    """
    bound: Mapping[str, object] = find.keywords if isinstance(find, partial) else {}
    function: Callable[..., Any] = find.func if isinstance(find, partial) else find
    hints = get_type_hints(function)
    meanings = _meanings(inspect.getdoc(function) or "")
    parameters = list(inspect.signature(function).parameters.values())[2:]
    return {
        p.name: Option(
            p.name, meanings.get(p.name, ""), p.default, _expected(hints[p.name]), hints[p.name]
        )
        for p in parameters
        if p.name not in bound
    }


def check_options(dataset: str, options: Mapping[str, Option], given: Mapping[str, object]) -> None:
    """Check names and values of options.

    Raises:
        DataError: One line that names the option, what was given and what is allowed.
    """
    for name, value in given.items():
        if name not in options:
            allowed = f"expected one of {', '.join(options)}" if options else "it has none"
            raise DataError(f"data set {dataset} has no option {name!r}; {allowed}")
        if not _fits(value, options[name].hint):
            raise DataError(
                f"data set {dataset}, option {name}: got {value!r}, "
                f"expected {options[name].expected}"
            )


def _meanings(doc: str) -> dict[str, str]:
    arguments = doc.partition("\nArgs:\n")[2].partition("\n\n")[0]
    return {name: " ".join(text.split()) for name, text in _ENTRY.findall(arguments)}


def _expected(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if origin is not None:
        return f"a list, each {_expected(get_args(hint)[0])}"
    return _SCALARS[hint]


def _fits(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return type(value) in (str, int) and value in get_args(hint)
    if origin is not None:
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and len(value) > 0
            and all(_fits(item, get_args(hint)[0]) for item in value)
        )
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint
