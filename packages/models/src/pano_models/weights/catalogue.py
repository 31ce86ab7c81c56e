"""Every model that has a name: what it is, what it predicts, under which terms, whether it is here.

Nothing is downloaded to answer.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from pano_models.errors import CheckpointError
from pano_models.outputs import DISPARITY_AFFINE, DISTANCE_SCALE_INVARIANT
from pano_models.storage.model_folder import WEIGHTS_FILE, read_config
from pano_models.weights.box import BOX, CATALOGUE, box_names
from pano_models.weights.cache import check_file, find_weights, read_file_record
from pano_models.weights.published import PUBLISHED, PublishedWeights

NO_DIGEST = "none published"
BOX_NETWORKS = {
    "pano_small": ("box", DISTANCE_SCALE_INVARIANT),
    "perspective_unet": ("teacher", DISPARITY_AFFINE),
}
"""Name of a network -> its kind and what it predicts."""


@dataclass(frozen=True)
class ModelEntry:
    """One line of `panodepth models`.

    Attributes:
        model: What `--model` takes.
        kind: `box`, `official`, `teacher`, `fusion` or `backbone`.
        predicts: Key of the prediction; "" for a backbone.
        native_size: Height and width it is run at; None: any.
        size: Bytes of the weight file, None where not known.
        licence: As its authors state it, with what has to be known of it.
        sha256: Of the weight file, None where none is known.
        digest_from: Who says so: `box`, `published`, `hub`, `first use`, or `none published`.
        file: Where the weights lie on this machine, None where they do not.
        source: Repository and file, or the page where a person finds it.
        problem: Why the file here cannot be used; "" where nothing is known against it.
    """

    model: str
    kind: str
    predicts: str
    native_size: tuple[int, int] | None
    size: int | None
    licence: str
    sha256: str | None
    digest_from: str
    file: Path | None
    source: str
    problem: str = ""


def list_models(verify: bool = False, folder: Path | None = None) -> list[ModelEntry]:
    """Return all models by name, those in the box first.

    Args:
        verify: Hash the files of published weights that are here, also those that did not change.
        folder: Of published weights; `weights_folder()` if None.
    """
    listed = [_entry(published, folder, verify) for published in PUBLISHED]
    fusions = [_fusion(entry) for entry in listed if entry.kind == "teacher"]
    return [*(_in_box(name) for name in box_names()), *listed, *fusions]


def _in_box(name: str) -> ModelEntry:
    about = json.loads((BOX / CATALOGUE).read_text())[name]
    config, file = read_config(BOX / name), BOX / name / WEIGHTS_FILE
    kind, predicts = BOX_NETWORKS[config["name"]]
    present = file.is_file()
    return ModelEntry(
        model=name,
        kind=kind,
        predicts=predicts,
        native_size=config["native_size"],
        size=file.stat().st_size if present else None,
        licence=about["licence"],
        sha256=about["sha256"][WEIGHTS_FILE],
        digest_from="box",
        file=file if present else None,
        source="this package",
        problem="" if present else f"{file} is missing: install pano-models again",
    )


def _entry(published: PublishedWeights, folder: Path | None, verify: bool) -> ModelEntry:
    file, record, problem = find_weights(published, folder), None, ""
    try:
        record = read_file_record(published, folder)
        if file and verify:
            record = check_file(published, file, folder, again=True)
    except CheckpointError as error:
        problem = str(error)
    sha256 = published.sha256 or (record.sha256 if record else None)
    size = file.stat().st_size if file else published.size
    official = published.kind == "official"
    return ModelEntry(
        model=f"official:{published.name}" if official else published.name,
        kind=published.kind,
        predicts=published.predicts,
        native_size=published.native_size,
        size=size,
        licence=published.terms,
        sha256=sha256,
        digest_from=(
            "published" if published.sha256 else record.compared_with if record else NO_DIGEST
        ),
        file=file,
        source=published.page or f"{published.repository}: {published.file}",
        problem=problem,
    )


def _fusion(teacher: ModelEntry) -> ModelEntry:
    """Return the baseline that merges a teacher's views of a panorama."""
    return replace(teacher, model=f"fusion:{teacher.model}", kind="fusion", native_size=None)
