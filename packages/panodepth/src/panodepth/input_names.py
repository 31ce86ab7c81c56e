"""Inputs of `predict`, and the names that their outputs have."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class PanoramaFile:
    """One input: the file and the folder it was found under (which its outputs are relative to).

    `problem` says why there is nothing to read: it stands for a folder without a picture, or for
    outputs that are those of another input. `below` is a folder of the outputs that tells inputs of
    one name apart.
    """

    path: Path
    root: Path
    with_suffix: bool = False
    problem: str = ""
    below: str = ""

    @property
    def name(self) -> str:
        """The path below the root: `kitchen` or `floor1/kitchen`.

        `with_suffix` it is `kitchen.jpg`: there is a `kitchen.png`, too.
        """
        name = self.below / self.path.relative_to(self.root)
        return (name if self.with_suffix else name.with_suffix("")).as_posix()


def tell_apart(
    files: Sequence[PanoramaFile], tell: Callable[[str], None] | None = None
) -> list[PanoramaFile]:
    """Give each input a name of its own.

    Those that differ in their suffix only keep it. Those of different folders are named after
    them, too, below the folder that holds both. Where even that does not help (a link beside its
    target), the first one has the name and the others have a `problem`.

    Args:
        files: In their order.
        tell: Called with a line about those that are named after their folders.
    """
    named = _with_suffixes(files)
    groups: dict[str, list[PanoramaFile]] = defaultdict(list)
    for file in named:
        if not file.problem:
            groups[file.name].append(file)
    doubles = [file for group in groups.values() if len(group) > 1 for file in _by_folder(group)]
    apart = {file.path: file for file in _with_suffixes(doubles)}
    if len({file.name for file in apart.values()}) > 1 and tell:
        one, other, *_ = apart.values()
        rest = f", {len(apart)} of them" if len(apart) > 2 else ""
        tell(f"pictures of the same name{rest}: written as {one.name}, {other.name}")
    first: dict[str, Path] = {}
    return [_unless_taken(apart.get(file.path, file), first) for file in named]


def _with_suffixes(files: Sequence[PanoramaFile]) -> list[PanoramaFile]:
    count = Counter(file.name for file in files)
    return [replace(f, with_suffix=True) if count[f.name] > 1 else f for f in files]


def _by_folder(group: Sequence[PanoramaFile]) -> list[PanoramaFile]:
    roots = [str(file.root.resolve()) for file in group]
    try:
        common = os.path.commonpath(roots)
    except ValueError:  # on two drives
        return list(group)
    return [
        replace(file, below=Path(root).relative_to(common).as_posix(), with_suffix=False)
        for file, root in zip(group, roots, strict=True)
    ]


def _unless_taken(file: PanoramaFile, first: dict[str, Path]) -> PanoramaFile:
    if file.problem or first.setdefault(file.name, file.path) == file.path:
        return file
    problem = f"{first[file.name]} is written as {file.name!r} already: use another --out"
    return replace(file, problem=problem)
