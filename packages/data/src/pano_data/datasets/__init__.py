"""Registry of data sets, each in the layout it is published in; a family shares a file."""

import difflib

from pano_data.datasets import (
    da2,
    da360,
    dap2m,
    deep360,
    dynamic_replica,
    folder,
    folder_depth,
    helvipad,
    hypersim,
    ken_burns,
    matterport3d,
    mesh_renders,
    mvs_synth,
    pano_infinigen,
    panocarla,
    stanford2d3d,
    structured3d,
    unlabelled,
    unrealstereo4k,
    vkitti2,
    zuripano,
)
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import UnknownDatasetError

_SPECS: dict[str, DatasetSpec] = {
    spec.name: spec
    for spec in (
        da2.CURATED,
        *da2.EVALUATION,
        da360.METROPOLIS,
        dap2m.LABELLED,
        dap2m.TEST,
        deep360.SPEC,
        dynamic_replica.SPEC,
        folder.DAP_UNLABELLED,
        folder.FOLDER,
        folder_depth.SPEC,
        helvipad.SPEC,
        hypersim.PROCESSED,
        hypersim.SPEC,
        ken_burns.SPEC,
        matterport3d.BIFUSE,
        matterport3d.RAW,
        matterport3d.UNIFUSE,
        mesh_renders.PANO3D,
        mesh_renders.PANOSUNCG,
        mesh_renders.THREED60,
        mvs_synth.SPEC,
        pano_infinigen.SPEC,
        panocarla.SPEC,
        stanford2d3d.SPEC,
        structured3d.SPEC,
        unlabelled.SPATIALAUDIOGEN,
        unlabelled.ZIND,
        unrealstereo4k.SPEC,
        vkitti2.SPEC,
        zuripano.SPEC,
    )
}


def names() -> tuple[str, ...]:
    """Return the ids of all known data sets, sorted."""
    return tuple(sorted(_SPECS))


def get(name: str) -> DatasetSpec:
    """Look a data set up by its id.

    Raises:
        UnknownDatasetError: With the known ids.
    """
    if name not in _SPECS:
        # not pano_geometry.spelling: stages that only list files would depend on the geometry
        close = difflib.get_close_matches(name.lower(), names(), n=1, cutoff=0.7)
        meant = f" (is {close[0]} meant?)" if close else ""
        raise UnknownDatasetError(
            f"unknown data set {name!r}{meant}, expected one of {', '.join(names())}"
        )
    return _SPECS[name]


__all__ = ["DatasetSpec", "Found", "Skipped", "get", "names"]
