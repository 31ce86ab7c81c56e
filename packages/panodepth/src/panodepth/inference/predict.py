"""`panodepth.predict`: panoramas in, `Panorama` results out."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pano_data import Picture
from pano_data.io.paths import is_folder
from pano_models import Predictor
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.inference.files import predict_pictures
from panodepth.outputs.records import digest_of
from panodepth.panorama import Panorama
from panodepth.panorama_files import check_aspect, find_panoramas, read_panorama
from panodepth.prediction import DEFAULT_MODEL, Model, PredictedMap, to_predictor

_LOG = logging.getLogger(__name__)
PixelArray = NDArray[np.generic] | torch.Tensor | Image.Image
PanoramaSource = str | PathLike[str] | PixelArray
_CHANNELS = (1, 3, 4)


class _Item(NamedTuple):
    """One panorama that is still to be read."""

    name: str
    source: str
    read: Callable[[], Picture]


class _Read(NamedTuple):
    item: _Item
    picture: Picture


def predict(
    source: PanoramaSource | Iterable[PanoramaSource],
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
            `to_picture`), a Pillow image, a batch `(b, h, w, c)` or
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
        items = _items([cast(PanoramaSource, source)], force_aspect)
        return next(_stream(predictor, items, about, 1, skip_bad=False))
    many = [source] if isinstance(source, str | PathLike | np.ndarray | torch.Tensor) else source
    items = _items(cast(Iterable[PanoramaSource], many), force_aspect)
    return _stream(predictor, items, about, batch, skip_bad)


def predict_each(
    sources: Iterable[PanoramaSource], model: Model = DEFAULT_MODEL, **options: Any
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


def _is_one(source: PanoramaSource | Iterable[PanoramaSource]) -> bool:
    if isinstance(source, str | PathLike):
        return not is_folder(source)
    if isinstance(source, np.ndarray | torch.Tensor):
        return source.ndim != 4
    return isinstance(source, Image.Image)


def _items(sources: Iterable[PanoramaSource], force_aspect: bool) -> Iterator[_Item]:
    number = 0
    for source in sources:
        if isinstance(source, str | PathLike):
            path = Path(source)
            try:
                files = find_panoramas([path], recursive=True, tell=_LOG.info)
            except CommandError as error:  # in its turn
                yield _Item(path.name, str(path), partial(_raise, error))
                continue
            for file in files:
                read = partial(read_panorama, file.path, None, force_aspect)
                yield _Item(file.name, str(file.path.absolute()), read)
            continue
        for pixels in cast(Iterable[PixelArray], source) if _is_batch(source) else [source]:
            yield _Item(f"{number:06d}", "", partial(to_picture, pixels, force_aspect))
            number += 1


def _raise(error: Exception) -> NoReturn:
    raise error


def _is_batch(source: PanoramaSource) -> bool:
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


def to_picture(pixels: PixelArray, force_aspect: bool = False) -> Picture:
    """Take an image as a panorama.

    Args:
        pixels: `(h, w)` grey, `(h, w, c)` or `(c, h, w)`; c is 1, 3 or 4 (alpha under one half is
            not valid). uint8, uint16, or floating in [0, 1]. RGB, sRGB.
        force_aspect: Take an image that is not 2:1 as a stretched full sphere.

    Raises:
        ValueError: Another shape, type or range.
        BadPanoramaError: Not 2:1.
    """
    array = _to_8_bit(_channels_last(_to_numpy(pixels)))
    height, width, channels = array.shape
    check_aspect(height, width, force_aspect)
    valid = array[..., 3] >= 128 if channels == 4 else np.ones((height, width), np.bool_)
    rgb = np.repeat(array, 3, -1) if channels == 1 else array[..., :3]
    return Picture(np.array(rgb), valid)


def _to_numpy(pixels: PixelArray) -> NDArray[np.generic]:
    if isinstance(pixels, torch.Tensor):
        pixels = pixels.detach().cpu()
        floating = pixels.is_floating_point()
        return (pixels.float() if floating else pixels).numpy()  # NumPy has no bfloat16
    if isinstance(pixels, Image.Image):
        return np.asarray(pixels if pixels.mode in ("RGB", "RGBA") else pixels.convert("RGB"))
    return np.asarray(pixels)


def _channels_last(array: NDArray[np.generic]) -> NDArray[np.generic]:
    if array.ndim == 2:
        return array[..., None]
    if array.ndim == 3 and array.shape[-1] in _CHANNELS:
        return array
    if array.ndim == 3 and array.shape[0] in _CHANNELS:
        return np.moveaxis(array, 0, -1)
    raise ValueError(
        f"got pixels of shape {array.shape}, expected (h, w, c) or (c, h, w) with 1, 3 or 4 "
        "channels"
    )


def _to_8_bit(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == np.uint16:
        return np.rint(array.astype(np.float32) / 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise ValueError(f"got pixels of {array.dtype}, expected uint8, uint16 or floating")
    values = array.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # NaN fails both
        raise ValueError(
            f"got floating pixels from {low:.4g} to {high:.4g}, expected [0, 1]: divide by 255 or "
            "tone map first"
        )
    return np.rint(values * 255).astype(np.uint8)
