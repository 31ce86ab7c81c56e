"""What is wrong in a values file, as one line that names the key.

jsonargparse says it in many lines. Its message is an indented tree: one branch for each type that
was tried, keys and classes on the way, and the whole value at the end. The deepest branch got
furthest, so its end is what is wrong.
"""

import ast
import importlib
import inspect
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from experiments.pipeline.params import ParamsError

_KEY = re.compile(r'Parser key "([^"]+)":?')
_CLASS = re.compile(r"Problem with given class_path '([^']+)':?")
_OPTION = re.compile(r"(?:Group '(?P<group>[^']+)' does not accept o|O)ption '(?P<name>[^']+)'")
_TYPE = re.compile(r"Expected an? (.+?)\.? Got value: (.*)")
_MISSING = re.compile(r"the following arguments are required: (.*)")
_SUBCLASS = re.compile(r"Not a valid subclass of (\w+)|but [\w.]*?(\w+) is abstract")
_NOTHING = "Expected a <class 'NoneType'>"
_VALUE = "Given value"
_NOISE = ("Does not validate", "Subtypes:", "Errors:", _VALUE)
_LONGEST = 300


def one_line(message: str) -> str:
    """Return the key, what was got and what was expected, of a message of jsonargparse."""
    branches = list(_branches(message))
    if not branches:
        return _shortened(message)
    keys, owner, reason = max(branches, key=_reach)
    option, kind = _OPTION.search(reason), _TYPE.search(reason)
    if option:
        place = [*keys, *([option["group"]] if option["group"] else []), option["name"]]
        told = f"no such key{_of(owner)}"
    elif kind:
        place = [*keys, *_entry(message, kind[2])]
        told = f"got {kind[2]}, expected {_type_name(kind[1])}{_of(owner)}"
    elif missing := _MISSING.search(reason):
        place, told = keys, f"expected {missing[1]}{_of(owner)}"
    elif owner and keys and keys[-1] == "init_args":
        place = [*keys[:-1], "class_path"]
        told = f"got {owner}, expected a class that can be imported: {reason}"
    elif keys and (wanted := _SUBCLASS.search(reason)):
        got = _outline(reason.partition("Got value: ")[2] or next(iter(_given(message)), ""))
        name = wanted[1] or wanted[2]
        place, told = keys, f"{got}expected class_path and init_args, for {name}"
    elif keys:
        place, told = keys, reason
    else:
        return _shortened(message)
    return _shortened(f"{'.'.join(place)}: {told}")


def _reach(branch: tuple[list[str], str, str]) -> tuple[int, bool, bool]:
    """Return how far a branch got; that a path was expected is said of every text."""
    keys, owner, reason = branch
    return len(keys), bool(owner), not reason.startswith("Expected a path")


def _given(message: str) -> list[str]:
    """Return the values that a message shows as given, the innermost first."""
    return re.findall(rf"^\s*{_VALUE}: (.*)$", message, re.MULTILINE)


def _mapping(text: str) -> Mapping[Any, Any]:
    """Return the mapping that a text shows whole, an empty one if it shows none."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):  # it holds an object
        return {}
    return value if isinstance(value, Mapping) else {}


def _outline(text: str) -> str:
    """Return what was got, of a mapping its keys."""
    keys = ", ".join(map(str, _mapping(text)))
    return f"got the keys {keys}, " if keys else f"got {text}, " if text else ""


def _entry(message: str, got: str) -> list[str]:
    """Return the key of a mapping's wrong value, which jsonargparse leaves out."""
    for text in _given(message):
        wrong = [str(key) for key, entry in _mapping(text).items() if repr(entry) == got]
        if len(wrong) == 1:
            return wrong
    return []


def _branches(message: str) -> Iterator[tuple[list[str], str, str]]:
    """Yield keys, the class around the last one, and the reason, for each end of the tree."""
    path: list[tuple[int, str, str]] = []  # indentation, key, class
    for line in message.splitlines():
        if not line.strip():
            continue
        text = line.strip().removeprefix("- ")
        indent = len(line) - len(line.lstrip()) + 2 * line.lstrip().startswith("- ")
        if text.startswith(_VALUE):
            # of an inner union too; the rest of it is the value, which may be long
            continue
        path = [part for part in path if part[0] < indent]
        key, owner = _KEY.fullmatch(text), _CLASS.fullmatch(text)
        if key:
            # What follows the first key is not always indented.
            path.append((indent if path else -1, key[1], ""))
        elif owner:
            # The arguments of a dataclass stand in its place, those of another class under
            # init_args.
            path.append((indent, "" if is_dataclass(_named(owner[1])) else "init_args", owner[1]))
        elif text and not text.startswith(_NOISE):
            inner = _KEY.match(text)  # a key with its reason in the same line
            keys = [part[1] for part in path if part[1]] or ([inner[1]] if inner else [])
            yield keys, next((p[2] for p in reversed(path) if p[2]), ""), text


def _of(owner: str) -> str:
    """Return which arguments a class takes, for the end of a line."""
    if not owner:
        return ""
    try:
        taken = inspect.signature(_named(owner)).parameters
    except (TypeError, ValueError):
        return f" of {owner}"
    return f" of {owner}({', '.join(taken)})"


def _named(path: str) -> Any:
    """Return the class of a class path; None where there is none."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except (ImportError, ValueError):
        return None


def _type_name(text: str) -> str:
    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text)


def _shortened(text: str) -> str:
    line = " ".join(text.split(f"{_VALUE} type:")[0].split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def raised_by(error: BaseException) -> str:
    """Return what a constructor says about its arguments, and which file and line says it."""
    told = [reason for _, _, reason in _branches(str(error)) if reason != _NOTHING]
    if "Does not validate" in str(error) and told:  # jsonargparse tried several types
        return _shortened(told[0])
    frames = traceback.extract_tb(error.__traceback__)
    place = (
        f" ({'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno})" if frames else ""
    )
    return _shortened(f"{error}") + place


def check_empty_keys(written: Any, parsed: Any, at: str = "") -> None:
    """Refuse unknown keys with an empty mapping: jsonargparse drops them without a word.

    Args:
        written: A section, or a value in it.
        parsed: What jsonargparse made of it.
        at: The key of both.

    Raises:
        ParamsError: Names the first key that is gone.
    """
    if isinstance(written, list) and isinstance(parsed, list):
        for number, (item, made) in enumerate(zip(written, parsed, strict=False)):
            check_empty_keys(item, made, f"{at}.{number}")
    if not (isinstance(written, Mapping) and isinstance(parsed, Mapping)):
        return
    for key, value in written.items():
        place = f"{at}.{key}" if at else str(key)
        if key in parsed:
            check_empty_keys(value, parsed[key], place)
        elif isinstance(value, Mapping) and not _has_leaf(value):
            raise ParamsError(
                f"{place}: no such key; expected one of {', '.join(map(str, parsed))}"
            )


def _has_leaf(node: Any) -> bool:
    return any(map(_has_leaf, node.values())) if isinstance(node, Mapping) else True


def check_manifests(data: Mapping[str, Any]) -> None:
    """Refuse manifests that are not there, before a run is registered anywhere.

    Args:
        data: Resolved arguments of the data module.

    Raises:
        ParamsError: Names the key and the file.
    """
    for part in ("train", "unlabelled", "val"):
        for name, source in (data.get(part) or {}).items():
            given = source.get("init_args", source) if isinstance(source, Mapping) else {}
            manifest = given.get("manifest")
            if manifest is not None and not Path(manifest).is_file():
                raise ParamsError(
                    f"data.{part}.{name}.manifest: got {manifest}, which is not there, expected "
                    "the product of a stage (dvc repro makes it)"
                )
