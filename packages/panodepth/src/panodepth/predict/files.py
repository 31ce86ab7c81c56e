"""Panoramas to files, a batch at a time: what `panodepth predict` runs."""

import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pano_models import DepthMaps, PredictionError, Predictor
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.outputs.records import is_complete, save_prediction
from panodepth.panoramas import (
    Panorama,
    PanoramaFile,
    find_mask,
    read_panorama,
)
from panodepth.prediction import PredictedMap

# Nothing that follows can be written either.
DISK_IS_UNUSABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class PredictSettings:
    """What `predict` does with each panorama, apart from which panoramas they are.

    Attributes:
        out: Output folder.
        model: The MODEL as the user gave it, kept in the records.
        formats: Keys of `FORMATS`.
        batch: Panoramas per forward pass.
        masks: Folder with masks, if any.
        force_aspect: Accept images that are not 2:1.
        skip_existing: Leave out panoramas an earlier run has completed.
    """

    out: Path
    model: str
    formats: tuple[str, ...]
    batch: int = 4
    masks: Path | None = None
    force_aspect: bool = False
    skip_existing: bool = False


@dataclass
class Outcome:
    """What became of one panorama: `error` is None when all its files are written."""

    file: PanoramaFile
    error: str | None = None
    skipped: bool = False
    summary: str = ""


def predict_files(
    predictor: Predictor, files: Sequence[PanoramaFile], settings: PredictSettings
) -> Iterator[Outcome]:
    """Predict and writes panoramas one batch at a time; the next batch is read meanwhile.

    Args:
        predictor: The network, its size and its device.
        files: What to predict.
        settings: How.

    Yields:
        One outcome a file, in order; a failed one does not stop the others.

    Raises:
        CommandError: The disk is full or read-only.
    """
    todo = []
    for file in files:
        if settings.skip_existing and is_complete(
            settings.out, file.name, settings.formats, _provenance(file, predictor, settings)
        ):
            yield Outcome(file, skipped=True, summary="done before")
        else:
            todo.append(file)
    batches = [todo[i : i + settings.batch] for i in range(0, len(todo), settings.batch)]
    with ThreadPoolExecutor(max_workers=settings.batch) as readers:
        reading = _submit(readers, batches[0], settings) if batches else []
        for i, batch in enumerate(batches):
            current, reading = (
                reading,
                (_submit(readers, batches[i + 1], settings) if i + 1 < len(batches) else []),
            )
            yield from _predict_batch_files(predictor, batch, current, settings)


def _submit(
    readers: ThreadPoolExecutor, batch: Sequence[PanoramaFile], settings: PredictSettings
) -> list["Future[Panorama]"]:
    masks = [find_mask(settings.masks, f) if settings.masks else None for f in batch]
    return [
        readers.submit(read_panorama, file.path, mask, settings.force_aspect)
        for file, mask in zip(batch, masks, strict=True)
    ]


def _predict_batch_files(
    predictor: Predictor,
    batch: Sequence[PanoramaFile],
    reading: Sequence["Future[Panorama]"],
    settings: PredictSettings,
) -> Iterator[Outcome]:
    panoramas: list[Panorama | str] = []
    for future in reading:
        try:
            panoramas.append(future.result())
        except BadPanoramaError as error:
            panoramas.append(str(error))
    readable = [p for p in panoramas if isinstance(p, Panorama)]
    working = iter(_predict_each(predictor, readable))
    for file, panorama in zip(batch, panoramas, strict=True):
        if isinstance(panorama, str):
            yield Outcome(file, error=panorama)
            continue
        maps = next(working)
        if isinstance(maps, str):
            yield Outcome(file, error=maps)
        else:  # brought to full size one at a time: large panoramas are large
            prediction = PredictedMap.from_network(maps, panorama)
            about = _provenance(file, predictor, settings)
            yield _save(file, panorama, prediction, about, settings)


def _predict_each(predictor: Predictor, panoramas: Sequence[Panorama]) -> list[DepthMaps | str]:
    """Return small maps, or the reason why there is none; a batch that fails is tried singly."""
    try:
        return list(predictor.at_working_size([p.tensor for p in panoramas]))
    except PredictionError as error:
        reason = str(error)
    except (RuntimeError, ValueError) as error:  # out of memory is a RuntimeError
        reason = f"the network failed: {str(error).splitlines()[0]}"
    if len(panoramas) == 1:
        return [reason]
    return [maps for one in panoramas for maps in _predict_each(predictor, [one])]


def _provenance(
    file: PanoramaFile, predictor: Predictor, settings: PredictSettings
) -> dict[str, Any]:
    """Return what a record says of where a prediction comes from."""
    return {
        "source": str(file.path.absolute()),
        "model": settings.model,
        "working_height": predictor.size[0],
    }


def _save(
    file: PanoramaFile,
    panorama: Panorama,
    prediction: PredictedMap,
    about: dict[str, Any],
    settings: PredictSettings,
) -> Outcome:
    try:
        save_prediction(settings.out, file.name, panorama.rgb, prediction, settings.formats, about)
    except OSError as error:
        if error.errno in DISK_IS_UNUSABLE:
            raise CommandError(
                f"{settings.out} cannot take more ({error.strerror}) at {file.path}: "
                "free some space and resume with --skip-existing"
            ) from error
        return Outcome(file, error=f"cannot write: {error}")
    return Outcome(file, summary=_describe(prediction))


def _describe(prediction: PredictedMap) -> str:
    near = prediction.values[prediction.near]
    if not near.size:
        return "nothing near"
    far = f", {prediction.far.mean():.0%} far" if prediction.far.any() else ""
    return f"{near.min():.3g} to {near.max():.3g} {prediction.unit}{far}"
