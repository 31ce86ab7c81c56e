"""Readers, curation engine and sharded loading for panoramic depth.

What others use is offered here and imported when it is first asked for: `import pano_data` costs
nothing, and what needs Lightning, LitData or albumentations says so only where it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pano_data.batch_augmentation import BatchAugmentation, Turned
    from pano_data.curation import (
        P2E,
        CuratedDataset,
        FluxOutpainter,
        OracleOutpainter,
        Outpainter,
        ReflectionOutpainter,
    )
    from pano_data.datamodule import ErpDataModule
    from pano_data.datasets.spec import DatasetSpec
    from pano_data.decode import Label, decode
    from pano_data.errors import (
        CorruptSampleError,
        DataError,
        DatasetNotFoundError,
        ManifestError,
        MissingExtraError,
        UnknownDatasetError,
        UnsafeArchiveError,
    )
    from pano_data.io.archives import extract, join_parts
    from pano_data.io.atomic import (
        flush,
        remove_all_parts,
        remove_parts,
        replace_file,
        write_bytes,
        write_json,
        write_text,
    )
    from pano_data.io.depth import read_depth
    from pano_data.io.images import image_size, read_mask, read_png_or_jpeg, read_rgb
    from pano_data.io.pictures.picture import Picture, read_picture
    from pano_data.manifest import Manifest, Row, manifest_of, merge, read_manifest, write_manifest
    from pano_data.masks import (
        GroundedMasker,
        Masker,
        MaskFolder,
        RuleMasker,
        masked_rows,
        write_masks,
    )
    from pano_data.progress import above_bars, open_bar, track
    from pano_data.pseudo_labels import label_path, pseudo_row, write_pseudo_label
    from pano_data.quarantine import CorruptEntry, Quarantine
    from pano_data.reader import DecodedSample, ManifestDataset, TrainingSet, read, to_tensors
    from pano_data.sample import ErpSample, MapDataset, TrainSample, validate_sample
    from pano_data.sampler import DeterministicBatchSampler, Draw, Mix, shard_indices, split_batch
    from pano_data.screening import screen_manifest
    from pano_data.shards import ShardDataset
    from pano_data.sources import Source
    from pano_data.transforms import (
        Augmentation,
        Colour,
        Compose,
        Flip,
        GraduatedExposure,
        Limit,
        Roll,
        Rotate,
    )
else:
    _LAZY = {
        "batch_augmentation": ("BatchAugmentation", "Turned"),
        "curation": (
            "P2E",
            "CuratedDataset",
            "FluxOutpainter",
            "OracleOutpainter",
            "Outpainter",
            "ReflectionOutpainter",
        ),
        "datamodule": ("ErpDataModule",),
        "datasets.spec": ("DatasetSpec",),
        "decode": ("Label", "decode"),
        "errors": (
            "CorruptSampleError",
            "DataError",
            "DatasetNotFoundError",
            "ManifestError",
            "MissingExtraError",
            "UnknownDatasetError",
            "UnsafeArchiveError",
        ),
        "io.archives": ("extract", "join_parts"),
        "io.atomic": (
            "flush",
            "remove_all_parts",
            "remove_parts",
            "replace_file",
            "write_bytes",
            "write_json",
            "write_text",
        ),
        "io.depth": ("read_depth",),
        "io.images": ("image_size", "read_mask", "read_png_or_jpeg", "read_rgb"),
        "io.pictures.picture": ("Picture", "read_picture"),
        "manifest": ("Manifest", "Row", "manifest_of", "merge", "read_manifest", "write_manifest"),
        "masks": (
            "GroundedMasker",
            "MaskFolder",
            "Masker",
            "RuleMasker",
            "masked_rows",
            "write_masks",
        ),
        "progress": ("above_bars", "open_bar", "track"),
        "pseudo_labels": ("label_path", "pseudo_row", "write_pseudo_label"),
        "quarantine": ("CorruptEntry", "Quarantine"),
        "reader": ("DecodedSample", "ManifestDataset", "TrainingSet", "read", "to_tensors"),
        "sample": ("ErpSample", "MapDataset", "TrainSample", "validate_sample"),
        "sampler": (
            "DeterministicBatchSampler",
            "Draw",
            "Mix",
            "shard_indices",
            "split_batch",
        ),
        "screening": ("screen_manifest",),
        "shards": ("ShardDataset",),
        "sources": ("Source",),
        "transforms": (
            "Augmentation",
            "Colour",
            "Compose",
            "Flip",
            "GraduatedExposure",
            "Limit",
            "Roll",
            "Rotate",
        ),
    }
    _HOMES = {name: module for module, names in _LAZY.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted([*globals(), *_HOMES])


__all__ = [
    "P2E",
    "Augmentation",
    "BatchAugmentation",
    "Colour",
    "Compose",
    "CorruptEntry",
    "CorruptSampleError",
    "CuratedDataset",
    "DataError",
    "DatasetNotFoundError",
    "DatasetSpec",
    "DecodedSample",
    "DeterministicBatchSampler",
    "Draw",
    "ErpDataModule",
    "ErpSample",
    "Flip",
    "FluxOutpainter",
    "GraduatedExposure",
    "GroundedMasker",
    "Label",
    "Limit",
    "Manifest",
    "ManifestDataset",
    "ManifestError",
    "MapDataset",
    "MaskFolder",
    "Masker",
    "MissingExtraError",
    "Mix",
    "OracleOutpainter",
    "Outpainter",
    "Picture",
    "Quarantine",
    "ReflectionOutpainter",
    "Roll",
    "Rotate",
    "Row",
    "RuleMasker",
    "ShardDataset",
    "Source",
    "TrainSample",
    "TrainingSet",
    "Turned",
    "UnknownDatasetError",
    "UnsafeArchiveError",
    "__version__",
    "above_bars",
    "decode",
    "extract",
    "flush",
    "image_size",
    "join_parts",
    "label_path",
    "manifest_of",
    "masked_rows",
    "merge",
    "open_bar",
    "pseudo_row",
    "read",
    "read_depth",
    "read_manifest",
    "read_mask",
    "read_picture",
    "read_png_or_jpeg",
    "read_rgb",
    "remove_all_parts",
    "remove_parts",
    "replace_file",
    "screen_manifest",
    "shard_indices",
    "split_batch",
    "to_tensors",
    "track",
    "validate_sample",
    "write_bytes",
    "write_json",
    "write_manifest",
    "write_masks",
    "write_pseudo_label",
    "write_text",
]
