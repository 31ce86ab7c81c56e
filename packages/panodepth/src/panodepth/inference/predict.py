"""`panodepth.predict`: panoramas in, `Panorama` results out."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from PIL import Image

from pano_data import Picture
from pano_data.io.paths import is_folder
from pano_models import Predictor
from panodepth.errors import BadPanoramaError
from panodepth.inference.files import predict_pictures
from panodepth.inference.pixels import Pixels, to_picture
from panodepth.outputs.records import digest_of
from panodepth.panorama import Panorama
from panodepth.panoramas import find_panoramas, read_panorama
from panodepth.prediction import DEFAULT_MODEL, Model, PredictedMap, to_predictor

_LOG = logging.getLogger(__name__)

Source = str | PathLike[str] | Pixels


class _Item(NamedTuple):
    """One panorama that is still to be read."""

    name: str
    source: str
    read: Callable[[], Picture]


class _Read(NamedTuple):
    item: _Item
    picture: Picture


def predict(
    source: Source | Iterable[Source],
    model: Model = DEFAULT_MODEL,
    *,
    device: str = "auto",
    height: int | None = None,
    batch: int = 4,
    force_aspect: bool = False,
    skip_bad: bool = False,
) -> Any:
    """Predict one panorama, or many as a stream.

    Args:
        source: A file, a folder with its subfolders, an array or tensor (see
            `panodepth.inference.pixels.to_picture`), a Pillow image, a batch `(b, h, w, c)` or
            `(b, c, h, w)`, or a list or iterator of these.
        model: What `--model` takes; a `Predictor` (`panodepth.load_predictor`), which saves loading
            it for each call; or a network.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`; a `Predictor` stays where it is.
        height: Working height of the network in pixels; None: what it was trained at.
        batch: Panoramas per forward pass.
        force_aspect: Take images that are not 2:1 as stretched panoramas.
        skip_bad: Log what cannot be predicted and take the next one, instead of raising.

    Returns:
        A `Panorama` for one file or image; for a folder, a batch, a list or an iterator an iterator
        of them (`predict_each`).

    Raises:
        CommandError: There is no such model or device, or a folder holds no image.
        BadPanoramaError: It cannot be used as a panorama, or the network failed on it.
        ValueError: Pixels of another shape, type or range.
    """
    predictor, name = to_predictor(model, device, height)
    about = {"model": name, "working_height": predictor.size[0]}
    if _is_one(source):
        items = _items([cast(Source, source)], force_aspect)
        return next(_stream(predictor, items, about, 1, skip_bad=False))
    many = [source] if isinstance(source, str | PathLike | np.ndarray | torch.Tensor) else source
    items = _items(cast(Iterable[Source], many), force_aspect)
    return _stream(predictor, items, about, batch, skip_bad)


def predict_each(
    sources: Iterable[Source], model: Model = DEFAULT_MODEL, **options: Any
) -> Iterator[Panorama]:
    """Predict many panoramas, `batch` of them in a forward pass, read as they are asked for.

    Args:
        sources: Files, folders, arrays, batches; see `predict`.
        model: As for `predict`.
        options: Those of `predict`.

    Yields:
        One result per panorama, in order. What cannot be predicted raises when its turn comes,
        after all before it; with `skip_bad` it is logged and left out.
    """
    stream: Iterator[Panorama] = predict(iter(sources), model, **options)
    return stream


def _is_one(source: Source | Iterable[Source]) -> bool:
    if isinstance(source, str | PathLike):
        return not is_folder(source)
    if isinstance(source, np.ndarray | torch.Tensor):
        return source.ndim != 4
    return isinstance(source, Image.Image)


def _items(sources: Iterable[Source], force_aspect: bool) -> Iterator[_Item]:
    number = 0
    for source in sources:
        if isinstance(source, str | PathLike):
            for file in find_panoramas([Path(source)], recursive=True, tell=_LOG.info):
                read = partial(read_panorama, file.path, None, force_aspect)
                yield _Item(file.name, str(file.path.absolute()), read)
            continue
        for pixels in cast(Iterable[Pixels], source) if _is_batch(source) else [source]:
            yield _Item(f"{number:06d}", "", partial(to_picture, pixels, force_aspect))
            number += 1


def _is_batch(source: Source) -> bool:
    return isinstance(source, np.ndarray | torch.Tensor) and source.ndim == 4


def _stream(
    predictor: Predictor,
    items: Iterator[_Item],
    about: dict[str, Any],
    batch: int,
    skip_bad: bool,
) -> Iterator[Panorama]:
    group: list[_Read] = []
    for item in items:
        try:
            group.append(_Read(item, item.read()))
        except Exception as error:
            if not skip_bad:
                yield from _predict_group(predictor, group, about, skip_bad)
                raise
            _tell_skipped(item, error)
        if len(group) == batch:
            yield from _predict_group(predictor, group, about, skip_bad)
            group = []
    yield from _predict_group(predictor, group, about, skip_bad)


def _predict_group(
    predictor: Predictor, group: Sequence[_Read], about: dict[str, Any], skip_bad: bool
) -> Iterator[Panorama]:
    results = predict_pictures(predictor, [read.picture for read in group])
    for (item, picture), maps in zip(group, results, strict=True):
        if isinstance(maps, str):
            error = BadPanoramaError(f"{item.name}: {maps}")
            if not skip_bad:
                raise error
            _tell_skipped(item, error)
            continue
        prediction = PredictedMap.from_network(maps, picture)
        source: dict[str, Any] = {"source": item.source}
        if item.source:
            source |= {"source_digest": digest_of(Path(item.source))}
        yield Panorama(item.name, picture.rgb, prediction, picture.notes, source | about)


def _tell_skipped(item: _Item, error: Exception) -> None:
    _LOG.warning("%s is left out: %s", item.source or item.name, error)
