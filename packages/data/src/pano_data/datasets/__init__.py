"""Registry of data sets: one module each, in the layout it is published in."""

from pano_data.datasets import stanford2d3d, structured3d
from pano_data.datasets.spec import DatasetSpec
from pano_data.errors import UnknownDatasetError

_SPECS: dict[str, DatasetSpec] = {
    spec.name: spec for spec in (structured3d.SPEC, stanford2d3d.SPEC)
}


def names() -> tuple[str, ...]:
    """Ids of all known data sets, sorted."""
    return tuple(sorted(_SPECS))


def get(name: str) -> DatasetSpec:
    """Look a data set up by its id.

    Raises:
        UnknownDatasetError: With the known ids.
    """
    if name not in _SPECS:
        raise UnknownDatasetError(f"unknown data set {name!r}, expected one of {names()}")
    return _SPECS[name]


__all__ = ["DatasetSpec", "get", "names"]
