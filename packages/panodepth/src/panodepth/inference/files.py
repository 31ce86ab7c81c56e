"""Panoramas to files, a batch at a time: what `panodepth predict` runs."""

import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pano_data import Picture
from pano_models import DepthMaps, PredictionError, Predictor, is_out_of_memory
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.input_names import PanoramaFile
from panodepth.outputs.records import digest_of, is_complete, record_path, save_prediction
from panodepth.panorama_files import MaskFinder, read_panorama
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
        masks: Where masks are looked up, if anywhere.
        force_aspect: Accept images that are not 2:1.
        skip_existing: Leave out panoramas an earlier run has completed.
    """

    out: Path
    model: str
    formats: tuple[str, ...]
    batch: int = 4
    masks: MaskFinder | None = None
    force_aspect: bool = False
    skip_existing: bool = False


@dataclass
class Outcome:
    """What became of one panorama: `error` is None when all its files are written.

    `notes` say what was met on the way: metadata that were ignored, a crop that was placed.
    """

    file: PanoramaFile
    error: str | None = None
    skipped: bool = False
    summary: str = ""
    notes: tuple[str, ...] = ()


def predict_files(
    predictor: Predictor, files: Sequence[PanoramaFile], settings: PredictSettings
) -> Iterator[Outcome]:
    """Predict and write panoramas one batch at a time; the next batch is read meanwhile.

    Args:
        predictor: The network, its size and its device.
        files: What to predict.
        settings: How.

    Yields:
        One outcome per file, in order. Whatever a file raises is its error: the others are done.

    Raises:
        CommandError: The disk is full or read-only.
    """
    todo = []
    for file in files:
        if settings.skip_existing and _is_done(file, predictor, settings):
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


def _is_done(file: PanoramaFile, predictor: Predictor, settings: PredictSettings) -> bool:
    try:
        if not record_path(settings.out, file.name).is_file():
            return False
        about = _provenance(file, predictor, settings)
        return is_complete(settings.out, file.name, settings.formats, about)
    except OSError:  # whatever it is, predicting the file tells
        return False


def _submit(
    readers: ThreadPoolExecutor, batch: Sequence[PanoramaFile], settings: PredictSettings
) -> list["Future[Picture]"]:
    return [readers.submit(_read, file, settings) for file in batch]


def _read(file: PanoramaFile, settings: PredictSettings) -> Picture:
    if file.problem:
        raise BadPanoramaError(file.problem)
    mask = settings.masks.find(file) if settings.masks else None
    return read_panorama(file.path, mask, settings.force_aspect)


def _predict_batch_files(
    predictor: Predictor,
    batch: Sequence[PanoramaFile],
    reading: Sequence["Future[Picture]"],
    settings: PredictSettings,
) -> Iterator[Outcome]:
    pictures = [_result(future) for future in reading]
    readable = [p for p in pictures if isinstance(p, Picture)]
    working = iter(predict_pictures(predictor, readable))
    for file, picture in zip(batch, pictures, strict=True):
        if isinstance(picture, str):
            yield Outcome(file, error=picture)
            continue
        maps = next(working)
        if isinstance(maps, str):
            yield Outcome(file, error=maps, notes=picture.notes)
        else:
            yield _save(file, picture, maps, predictor, settings)


def _result(future: "Future[Picture]") -> Picture | str:
    """Return what was read, or the reason why nothing was."""
    try:
        return future.result()
    except BadPanoramaError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - decoders raise anything; the other files are good
        return f"unreadable: {_describe_error(error)}"


def predict_pictures(predictor: Predictor, pictures: Sequence[Picture]) -> list[DepthMaps | str]:
    """Return small maps, or the reason why there is none; a batch that fails is tried singly."""
    try:
        return list(predictor.at_working_size([p.tensor for p in pictures]))
    except PredictionError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - networks raise anything; another one may pass
        height, width = predictor.size
        reason = (
            f"not enough memory at {height}x{width}: give a smaller --height"
            if is_out_of_memory(error)
            else f"the network failed: {_describe_error(error)}"
        )
    if len(pictures) == 1:
        return [reason]
    return [maps for one in pictures for maps in predict_pictures(predictor, [one])]


def _describe_error(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    return f"{name}: {lines[0]}" if lines else name


def _provenance(
    file: PanoramaFile, predictor: Predictor, settings: PredictSettings
) -> dict[str, Any]:
    """Return what a record says of where a prediction comes from."""
    return {
        "source": str(file.path.absolute()),
        "source_digest": digest_of(file.path),
        "model": settings.model,
        "working_height": predictor.size[0],
    }


def _save(
    file: PanoramaFile,
    picture: Picture,
    maps: DepthMaps,
    predictor: Predictor,
    settings: PredictSettings,
) -> Outcome:
    try:
        # Brought to full size one at a time: large panoramas are large.
        prediction = PredictedMap.from_network(maps, picture)
        about = _provenance(file, predictor, settings)
        save_prediction(settings.out, file.name, picture.rgb, prediction, settings.formats, about)
        return Outcome(file, summary=_describe(prediction), notes=picture.notes)
    except OSError as error:
        if error.errno in DISK_IS_UNUSABLE:
            raise CommandError(
                f"{settings.out} cannot take more ({error.strerror}) at {file.path}: "
                "free some space and resume with --skip-existing"
            ) from error
        if error.errno == errno.ENAMETOOLONG:
            return Outcome(file, error="cannot write: no disk takes so long a name, shorten it")
        return Outcome(file, error=f"cannot write: {error}")
    except Exception as error:  # noqa: BLE001 - no panorama stops the others
        return Outcome(file, error=f"cannot write: {_describe_error(error)}")


def _describe(prediction: PredictedMap) -> str:
    near = prediction.values[prediction.near]
    if not near.size:
        return "nothing near"
    far = f", {prediction.far.mean():.0%} far" if prediction.far.any() else ""
    return f"{near.min():.3g} to {near.max():.3g} {prediction.unit}{far}"
