"""`panodepth.export`: a network becomes one file that runs without this package, checked."""

import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from pano_data.io.atomic import replace_file, write_json
from pano_geometry import resize
from pano_models import Maps, Predictor
from pano_models.outputs import DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT
from panodepth.errors import CommandError
from panodepth.exporting.file_formats import (
    FILE_FORMATS,
    FileFormat,
    Runner,
    describe,
    digest_of_file,
    sidecar_path,
)
from panodepth.prediction import DEFAULT_MODEL, Model, to_predictor

DYNAMIC = "dynamic"
INPUT = "rgb"
TRACED_BATCH = 2
"""Traced with one panorama, the batch would be taken for a constant."""
TOLERANCE = 1e-4
"""Of the relative difference from eager."""
POSITIVE = (DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT)
"""Maps whose values are compared each with itself; others (disparity crosses 0, probabilities come
near it) with the largest of the map."""
SMALLEST = 0.01
"""Share of the mean distance: nearer values are compared with it, an untrained head reaches 0."""
SEED = 0
ROUNDS = 5
MOST_SECONDS = 10.0
"""Of CPU time for the comparison of speed: large networks get fewer rounds."""


@dataclass(frozen=True)
class Exported:
    """A file that was written, and what was measured of it.

    Attributes:
        path: The network.
        sidecar: JSON beside it: inputs, outputs, units, digests, and the figures below.
        size: Height and width that it takes.
        difference: Largest difference from eager, relative; see `relative_difference`.
        cost: CPU time over that of eager, one thread, batch of one; median of paired rounds.
    """

    path: Path
    sidecar: Path
    size: tuple[int, int]
    difference: float
    cost: float


def export(
    model: Model = DEFAULT_MODEL,
    out: str | PathLike[str] = "model.onnx",
    file_format: str = "onnx",
    *,
    height: int | None = None,
    batch: int | str = DYNAMIC,
) -> Exported:
    """Write a network into one file that takes panoramas `rgb` (b, 3, h, w), float32 in [0, 1].

    Normalisation is inside. The file is run on random panoramas and compared with the network
    before it gets its name; a file that differs by more than 1e-4 is not written.

    Args:
        model: What `panodepth.predict` takes.
        out: The file; an older one is replaced. `<out>.json` is written beside it.
        file_format: `onnx` (needs `panodepth[onnx]`) or `torch_export` (`torch.export.load`).
        height: Rows that the file takes, the columns are twice that; None: those that the network
            was trained at.
        batch: `dynamic`, or the number of panoramas that the file takes.

    Raises:
        CommandError: No such model or format, a package that is missing, a network that cannot be
            exported, a file that does not agree, or a folder that cannot be written.
    """
    if file_format not in FILE_FORMATS:
        raise CommandError(f"got format {file_format!r}, expected {' or '.join(FILE_FORMATS)}")
    if batch != DYNAMIC and (not isinstance(batch, int) or batch < 1):
        raise CommandError(f"got batch {batch!r}, expected {DYNAMIC} or a number from 1 on")
    form = FILE_FORMATS[file_format]
    form.check_installed()
    predictor, name = to_predictor(model, "cpu", height)
    with _quiet():
        counts = (1, TRACED_BATCH + 1) if batch == DYNAMIC else (int(batch),)
        program = trace(predictor, None if batch == DYNAMIC else int(batch), name)
        expected = [_eager(predictor, random_panoramas(n, predictor.size)) for n in counts]
        keys = list(expected[0])
        about = describe(predictor, name, file_format, counts if batch != DYNAMIC else None, keys)
        try:
            with replace_file(Path(out)) as temporary:
                _write(form, program, temporary, about, name)
                figures = _check(form.open(temporary), predictor, expected, counts, name)
                digest = digest_of_file(temporary)
            sidecar = sidecar_path(Path(out))
            write_json(
                sidecar, about | figures | {"file_sha256": digest}, indent=2, sort_keys=False
            )
        except OSError as error:
            raise CommandError(f"{out} cannot be written ({error.strerror or error})") from error
    return Exported(
        Path(out), sidecar, predictor.size, figures["difference"], figures["cost_over_eager"]
    )


def trace(predictor: Predictor, batch: int | None, name: str) -> ExportedProgram:
    """Trace the network of a predictor at its size.

    Args:
        predictor: On the CPU.
        batch: Panoramas; None: any number.
        name: Of the model, for the error.

    Raises:
        CommandError: The tracer cannot follow the network, with its reason.
    """
    panoramas = random_panoramas(batch or TRACED_BATCH, predictor.size)
    shapes = None if batch else ({0: Dim("batch", min=1)},)
    try:
        with torch.no_grad():
            return torch.export.export(predictor.network, (panoramas,), dynamic_shapes=shapes)
    except Exception as error:
        hint = " (a fixed batch may do: --batch 1)" if batch is None else ""
        raise CommandError(
            f"{name} cannot be traced by torch.export{hint}: {first_line(error)}"
        ) from error


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _write(
    form: FileFormat, program: ExportedProgram, path: Path, about: dict[str, Any], name: str
) -> None:
    try:
        form.write(program, path, about)
    except (OSError, CommandError):
        raise
    except Exception as error:
        raise CommandError(
            f"{name} cannot be written as {about['format']}: {first_line(error)}"
        ) from error


def _check(
    run: Runner, predictor: Predictor, expected: list[Maps], counts: tuple[int, ...], name: str
) -> dict[str, float]:
    """Compare the file with eager.

    Raises:
        CommandError: It cannot be run, or differs by more than `TOLERANCE`.
    """
    worst = 0.0
    for n, maps in zip(counts, expected, strict=True):
        try:
            found = run(random_panoramas(n, predictor.size))
        except Exception as error:
            raise CommandError(
                f"{name}: the exported file does not run on {n} panoramas, nothing was written: "
                f"{first_line(error)}"
            ) from error
        worst = max(worst, relative_difference(found, maps))
    if not worst <= TOLERANCE:  # NaN is no agreement
        raise CommandError(
            f"{name}: the exported file differs from the network by {worst:.2g} (relative), "
            f"expected {TOLERANCE:g} at most; nothing was written"
        )
    panoramas = random_panoramas(counts[0], predictor.size)
    cost = relative_cost(lambda: run(panoramas), lambda: _eager(predictor, panoramas))
    return {"difference": worst, "cost_over_eager": cost}


@torch.inference_mode()
def _eager(predictor: Predictor, panoramas: torch.Tensor) -> Maps:
    maps: Maps = predictor.network(panoramas)
    return maps


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings and logs of the exporters to themselves: what matters is checked."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def random_panoramas(count: int, size: tuple[int, int]) -> Tensor:
    """Return `(count, 3, h, w)` float32 in [0, 1]: noise at three scales, always the same."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.zeros(count, 3, *size)
    for cells in (4, 16):
        coarse = torch.rand(count, 3, cells, 2 * cells, generator=generator)
        noise += resize(coarse, size)
    noise += torch.rand(count, 3, *size, generator=generator)
    return noise / 3


def relative_difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Return the largest difference over all pixels of all maps, relative.

    Args:
        found: Maps by key.
        expected: The same keys. A distance is compared with itself, or with `SMALLEST` of the mean
            where that is more; another map with its largest magnitude, a probability with 1.

    Returns:
        0 when equal, infinity when a key or a shape differs, NaN when one holds NaN.
    """
    if list(found) != list(expected):
        return float("inf")
    return max((_difference(k, found[k], expected[k]) for k in expected), default=0.0)


def _difference(key: str, found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    absolute = (found.double() - expected.double()).abs()
    magnitude = expected.double().abs()
    if key in POSITIVE:
        magnitude = magnitude.clamp(min=SMALLEST * float(magnitude.mean()))
    else:
        magnitude = magnitude.max().clamp(min=1.0 if "probability" in key else 1e-12)
    worst = (absolute / magnitude).max()
    return float("nan") if not worst.isfinite() else float(worst)


def relative_cost(run: Callable[[], Any], reference: Callable[[], Any]) -> float:
    """Return the CPU time of `run` over that of `reference` on one thread of torch.

    Both run in turn, so that a busy machine slows them alike; the median of the ratios counts.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run(), reference()  # the first pass of either allocates
        ratios: list[float] = []
        spent = 0.0
        while len(ratios) < ROUNDS and (not ratios or spent < MOST_SECONDS):
            ours, theirs = _cpu_seconds(run), _cpu_seconds(reference)
            ratios.append(ours / theirs)
            spent += ours + theirs
    finally:
        torch.set_num_threads(threads)
    return statistics.median(ratios)


def _cpu_seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
