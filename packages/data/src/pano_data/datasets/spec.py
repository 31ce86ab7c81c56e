"""What is known of a data set, and how its layout becomes manifest rows."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pano_data.datasets.lists import select
from pano_data.datasets.options import Option, check_options, options_of
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import Environment, LabelKind, Projection, Row

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
        """Like `rows`, together with what was left out and why."""
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
        return (rows if list_file is None else select(rows, Path(list_file))), skipped

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
    """The row, or the note that its image or its label is not there."""
    if isinstance(item, Skipped):
        return item
    places = {"image": item.image, "depth": item.depth}
    missing = [name for name, path in places.items() if path and not (root / path).is_file()]
    return Skipped(item.image, f"{' and '.join(missing)} missing") if missing else item
