"""What is known of a data set, what it lets choose, and how its layout becomes manifest rows."""

import inspect
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pano_data.datasets.layout import select_listed
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import Environment, LabelKind, Projection, Row

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


_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something below the root that should have been a row and cannot be one.

    Attributes:
        path: Relative to the root.
        reason: Short text that can be counted.
    """

    path: str
    reason: str


Found = Row | Skipped
FindRows = Callable[..., Iterator[Found]]


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """One data set in its published layout.

    Attributes:
        name: Data set id.
        title: Name in the literature.
        description: One sentence: what it holds and what is special about it.
        find: `find(root, split, **options)` lists the rows of a split; it reads names, headers
            and small text files, no pixels. Rows whose image or label is not there are left out
            by `survey`. Its keyword arguments, with their types and docstring, are `options`.
        splits: Splits that `rows` knows; the first is the one to train on, if any.
        counts: Published number of images a split (splits without a published number are absent).
        projection: Geometry of the images.
        kind: What the labels measure.
        metric: Distances are metres.
        native_size: `(height, width)` as published; None where it varies.
        label_dtype: Type of the stored label, as numpy names it; None without labels.
        environment: Indoor, outdoor or mixed.
        access: How the data are obtained.
        licence: Terms, as far as they are known.
        limit: Largest plausible distance in metres, for the audit.
        lists: Splits that only a list of the release defines: where it may lie below the root.
    """

    name: str
    title: str
    description: str
    find: FindRows
    splits: tuple[str, ...]
    projection: Projection
    kind: LabelKind
    metric: bool
    native_size: tuple[int, int] | None
    label_dtype: str | None
    environment: Environment
    access: str
    licence: str
    limit: float = 1000.0
    counts: Mapping[str, int] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Option]:
        """What this data set lets choose, by name; `rows` takes them as keywords."""
        return options_of(self.find)

    def rows(
        self, root: Path | str, split: str, list_file: Path | str | None = None, **options: object
    ) -> Iterator[Row]:
        """List the rows of a split, in a stable order; what is left out is counted in the log.

        Args:
            root: Folder of this data set, as unpacked from its archives.
            split: One of `splits`.
            list_file: Keep only the images that this list names (first word of each line), as the
                lists of published projects do; their root may differ from this one.
            options: What this data set lets choose, see `options`.

        Raises:
            DatasetNotFoundError: If the root is no folder, holds nothing of the split, or lacks a
                list or an image of the list.
            DataError: For a split or an option that the data set does not have, or a value that
                the option does not take.
        """
        rows, skipped = self.survey(root, split, list_file, **options)
        for reason, count in Counter(skip.reason for skip in skipped).items():
            first = next(skip.path for skip in skipped if skip.reason == reason)
            shown = first.encode("utf-8", "backslashreplace").decode()  # of any bytes, yet a text
            _LOG.warning("%s %s: %d left out: %s, first %s", self.name, split, count, reason, shown)
        yield from rows

    def survey(
        self, root: Path | str, split: str, list_file: Path | str | None = None, **options: object
    ) -> tuple[list[Row], list[Skipped]]:
        """List what `rows` does, together with what was left out and why.

        Raises:
            DatasetNotFoundError: As `rows`.
            DataError: As `rows`.
        """
        root = Path(root)
        if split not in self.splits:
            raise DataError(f"{self.name} has no split {split!r}, expected one of {self.splits}")
        check_options(self.name, self.options, options)
        if not root.is_dir():
            state = "is a file" if root.exists() else "does not exist"
            raise self.not_found(root, f"data set {self.name} (the root {state})")
        if list_file is None and split in self.lists:
            list_file = self._own_list(root, split)
        found = [_complete(item, root) for item in self.find(root, split, **options)]
        rows = [item for item in found if isinstance(item, Row)]
        skipped = [item for item in found if isinstance(item, Skipped)]
        if not rows:
            held = f" ({len(skipped)} entries, none usable: {skipped[0].reason})" if skipped else ""
            raise self.not_found(root, f"data set {self.name}, split {split!r}{held}")
        return (rows if list_file is None else select_listed(rows, Path(list_file))), skipped

    def _own_list(self, root: Path, split: str) -> Path:
        for place in self.lists[split]:
            if (root / place).is_file():
                return root / place
        raise DatasetNotFoundError(
            f"list of {self.name}, split {split!r}",
            " or ".join(str(root / place) for place in self.lists[split]),
            "list_file",
            f"copy the list of the release there; {self.access}",
        )

    def not_found(self, where: Path, what: str) -> DatasetNotFoundError:
        """Make the error that says what is missing and how to get it."""
        render = f"pano_worlds.miniatures.write({self.name!r}, root) renders a stand-in"
        return DatasetNotFoundError(what, where, "root", f"{self.access}; {render}")


def _complete(item: Found, root: Path) -> Found:
    """Return the row, or the note that its image or its label is not there."""
    if isinstance(item, Skipped):
        return item
    places = {"image": item.image, "depth": item.depth}
    missing = [name for name, path in places.items() if path and not (root / path).is_file()]
    return Skipped(item.image, f"{' and '.join(missing)} missing") if missing else item
