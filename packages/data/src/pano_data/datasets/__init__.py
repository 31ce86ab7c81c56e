"""Registry of data sets: one module each, in the layout it is published in."""

from pano_data.datasets import (
    da2_curated,
    da2_evaluation,
    dap2m,
    deep360,
    dynamic_replica,
    folder,
    folder_depth,
    hypersim,
    hypersim_processed,
    ken_burns,
    matterport3d_bifuse,
    matterport3d_pano3d,
    matterport3d_raw,
    matterport3d_unifuse,
    mvs_synth,
    pano_infinigen,
    panosuncg,
    spatialaudiogen,
    stanford2d3d,
    structured3d,
    threed60,
    unrealstereo4k,
    vkitti2,
    zind,
)
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import UnknownDatasetError

_SPECS: dict[str, DatasetSpec] = {
    spec.name: spec
    for spec in (
        *da2_evaluation.SPECS,
        da2_curated.SPEC,
        dap2m.LABELLED,
        dap2m.TEST,
        deep360.SPEC,
        dynamic_replica.SPEC,
        folder.DAP_UNLABELLED,
        folder.FOLDER,
        folder_depth.SPEC,
        hypersim.SPEC,
        hypersim_processed.SPEC,
        ken_burns.SPEC,
        matterport3d_bifuse.SPEC,
        matterport3d_pano3d.SPEC,
        matterport3d_raw.SPEC,
        matterport3d_unifuse.SPEC,
        mvs_synth.SPEC,
        pano_infinigen.SPEC,
        panosuncg.SPEC,
        spatialaudiogen.SPEC,
        stanford2d3d.SPEC,
        structured3d.SPEC,
        threed60.SPEC,
        unrealstereo4k.SPEC,
        vkitti2.SPEC,
        zind.SPEC,
    )
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


__all__ = ["DatasetSpec", "Found", "Skipped", "get", "names"]
