"""What is known of a data set, and how its layout becomes manifest rows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.manifest import Environment, Kind, Projection, Row

FindRows = Callable[..., Iterator[Row]]


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """One data set in its published layout.

    Attributes:
        name: Data set id.
        title: Name in the literature.
        description: One sentence: what it holds and what is special about it.
        find: ``find(root, split, **options)`` lists the rows of a split; it reads names, headers
            and small text files, no pixels.
        splits: Splits that ``rows`` knows; the first is the one to train on, if any.
        counts: Published number of images a split (splits without a published number are absent).
        projection: Geometry of the images.
        kind: What the labels measure.
        metric: Distances are metres.
        native_size: ``(height, width)`` as published; None where it varies.
        label_dtype: Type of the stored label, as numpy names it; None without labels.
        limit: Largest plausible distance in metres, for the audit.
        environment: Indoor, outdoor or mixed.
        access: How the data are obtained.
        licence: Terms, as far as they are known.
    """

    name: str
    title: str
    description: str
    find: FindRows
    splits: tuple[str, ...]
    projection: Projection
    kind: Kind
    metric: bool
    native_size: tuple[int, int] | None
    label_dtype: str | None
    environment: Environment
    access: str
    licence: str
    limit: float = 1000.0
    counts: Mapping[str, int] = field(default_factory=dict)

    def rows(self, root: Path | str, split: str, **options: object) -> Iterator[Row]:
        """List the rows of a split, in a stable order.

        Args:
            root: Folder of this data set, as unpacked from its archives.
            split: One of ``splits``.
            options: What this data set lets choose, see its ``find``.

        Raises:
            DatasetNotFoundError: If the root is no folder, or holds nothing of the split.
            DataError: For a split that the data set does not have.
        """
        root = Path(root)
        if split not in self.splits:
            raise DataError(f"{self.name} has no split {split!r}, expected one of {self.splits}")
        if not root.is_dir():
            state = "is a file" if root.exists() else "does not exist"
            raise self.not_found(root, f"data set {self.name} (the root {state})")
        found = False
        for row in self.find(root, split, **options):
            found = True
            yield row
        if not found:
            raise self.not_found(root, f"data set {self.name}, split {split!r}")

    def not_found(self, where: Path, what: str) -> DatasetNotFoundError:
        """Make the error that says what is missing and how to get it."""
        render = f"pano_data.miniatures.write({self.name!r}, root) renders a stand-in"
        return DatasetNotFoundError(what, where, "root", f"{self.access}; {render}")
