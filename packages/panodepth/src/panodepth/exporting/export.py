"""`panodepth.export`: a network becomes one file that runs without this package, checked."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from pano_data.io.atomic import replace_file, write_json
from pano_models import Maps
from panodepth.errors import CommandError
from panodepth.exporting.agreement import TOLERANCE, relative_cost, relative_difference
from panodepth.exporting.any_size import on_multiples_of_the_stride
from panodepth.exporting.description import describe, digest_of, sidecar_path
from panodepth.exporting.file_formats import FILE_FORMATS, FileFormat, Runner
from panodepth.exporting.input_shape import DYNAMIC, STRIDES, InputShape
from panodepth.outputs.records import check_writable
from panodepth.prediction import DEFAULT_MODEL, Model, to_predictor


@dataclass(frozen=True)
class Exported:
    """A file that was written, and what was measured of it.

    Attributes:
        path: The network.
        sidecar: JSON beside it: inputs, outputs, units, digests, and the figures below.
        shape: Of its input; `shape.size` is what the network was run at.
        difference: Largest difference from eager, relative, see `relative_difference`; None: a file
            of this format cannot be run here.
        cost: CPU time over that of eager, one thread, batch of one; median of paired rounds. None:
            as above.
    """

    path: Path
    sidecar: Path
    shape: InputShape
    difference: float | None
    cost: float | None


def export(
    model: Model = DEFAULT_MODEL,
    out: str | PathLike[str] = "model.onnx",
    file_format: str = "onnx",
    *,
    height: int | str | None = None,
    batch: int | str | None = None,
) -> Exported:
    """Write a network into one file that takes panoramas `rgb` (b, 3, h, w), float32 in [0, 1].

    Normalisation is inside. The file is run on random panoramas and compared with the network
    before it gets its name; a file that differs by more than 1e-4 is not written. A Core ML package
    is run on macOS only; elsewhere it is written unchecked, and `difference` is None.

    Args:
        model: What `panodepth.predict` takes.
        out: The file; an older one is replaced. `<out>.json` is written beside it.
        file_format: `onnx` (needs `panodepth[onnx]`), `torch_export` (`torch.export.load`) or
            `coreml` (needs `panodepth[coreml]`).
        height: Rows that the file takes, the columns are twice that; None: those that the network
            was trained at; `dynamic`: any multiple of the network's stride from three on, where
            there is such a graph (`pano_small`).
        batch: `dynamic`, or the number of panoramas that the file takes; None: `dynamic`, of Core
            ML 1.

    Raises:
        CommandError: No such model or format, a package that is missing, a network that cannot be
            exported, a file that does not agree, or a folder that cannot be written.
    """
    if file_format not in FILE_FORMATS:
        raise CommandError(f"got format {file_format!r}, expected one of {', '.join(FILE_FORMATS)}")
    form = FILE_FORMATS[file_format]
    if form.folder and Path(out).suffix != form.folder:
        raise CommandError(f"got the name {out}, expected one that ends with {form.folder}")
    batch = _check_batch(batch, form, file_format)
    if isinstance(height, str) and height != DYNAMIC:
        raise CommandError(f"got height {height!r}, expected {DYNAMIC} or a number of rows")
    if height == DYNAMIC and form.fixed:
        raise CommandError(f"a file of {file_format} has one size: leave out --height {DYNAMIC}")
    form.check_installed()
    _check_target(Path(out), form)
    predictor, name = to_predictor(model, "cpu", None if isinstance(height, str) else height)
    stride = _stride_of(predictor.network, name) if height == DYNAMIC else None
    shape = InputShape(predictor.size, batch, stride)
    with _quiet():
        program = trace(predictor.network, shape, name)
        samples = shape.samples()
        expected = [_eager(predictor.network, sample) for sample in samples]
        about = describe(predictor.network, name, file_format, shape, list(expected[0]))
        try:
            with _replace(Path(out), bool(form.folder)) as temporary:
                _write(form, program, temporary, about, name)
                figures: dict[str, Any] = {"difference": None, "cost_over_eager": None}
                if not form.cannot_run:
                    run = form.open(temporary)
                    figures = _check(run, predictor.network, samples, expected, name)
                digest = digest_of(temporary)
            sidecar = sidecar_path(Path(out))
            write_json(
                sidecar, about | figures | {"file_sha256": digest}, indent=2, sort_keys=False
            )
        except OSError as error:
            raise CommandError(f"{out} cannot be written ({error.strerror or error})") from error
    return Exported(Path(out), sidecar, shape, figures["difference"], figures["cost_over_eager"])


def _check_target(out: Path, form: FileFormat) -> None:
    """Refuse what cannot be written before the minute of tracing."""
    if not form.folder and out.is_dir():
        raise CommandError(f"{out} is a folder, expected the name of a file")
    check_writable(out.parent)


def _check_batch(batch: int | str | None, form: FileFormat, file_format: str) -> int | None:
    """Return the number of panoramas at once, None for any."""
    if batch is None:
        batch = 1 if form.fixed else DYNAMIC
    if batch == DYNAMIC:
        if form.fixed:
            raise CommandError(f"a file of {file_format} takes one number of panoramas: --batch 1")
        return None
    if not isinstance(batch, int) or batch < 1:
        raise CommandError(f"got batch {batch!r}, expected {DYNAMIC} or a number from 1 on")
    return batch


def _stride_of(network: nn.Module, name: str) -> int:
    stride = STRIDES.get(type(network))
    if stride is None:
        able = ", ".join(kind.__name__ for kind in STRIDES)
        raise CommandError(
            f"{name} is a {type(network).__name__}, whose graph holds for one size only (for any: "
            f"{able}): give --height a number, or leave it out"
        )
    return stride


def trace(network: nn.Module, shape: InputShape, name: str) -> ExportedProgram:
    """Trace a network.

    Args:
        network: On the CPU, in evaluation mode.
        shape: Of its input.
        name: Of the model, for the error.

    Raises:
        CommandError: The tracer cannot follow the network, with its reason.
    """
    try:
        with torch.no_grad(), on_multiples_of_the_stride() if shape.stride else nullcontext():
            return torch.export.export(
                network, (shape.trace_sample(),), dynamic_shapes=shape.dynamic_shapes
            )
    except Exception as error:
        hint = " (a fixed batch may do: --batch 1)" if shape.batch is None else ""
        raise CommandError(
            f"{name} cannot be traced by torch.export{hint}: {first_line(error)}"
        ) from error


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


@contextmanager
def _replace(path: Path, is_folder: bool) -> Iterator[Path]:
    """Yield a temporary path that becomes `path`, a file or a folder, when the block ends well."""
    if not is_folder:
        with replace_file(path) as temporary:
            yield temporary
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}.") as scratch:
        temporary = Path(scratch) / path.name
        yield temporary
        if path.exists():
            path.rename(Path(scratch) / "older")
        temporary.rename(path)


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
    run: Runner, network: nn.Module, samples: list[Tensor], expected: list[Maps], name: str
) -> dict[str, Any]:
    """Compare the file with eager.

    Raises:
        CommandError: It cannot be run, or differs by more than `TOLERANCE`.
    """
    differences = {}
    for panoramas, maps in zip(samples, expected, strict=True):
        count, _, height, width = panoramas.shape
        seen = f"{count}x3x{height}x{width}"
        try:
            found = run(panoramas)
        except Exception as error:
            raise CommandError(
                f"{name}: the exported file does not run on {seen}, nothing was written: "
                f"{first_line(error)}"
            ) from error
        differences[seen] = relative_difference(found, maps)
        if not differences[seen] <= TOLERANCE:  # NaN is no agreement
            raise CommandError(
                f"{name}: the exported file differs from the network by {differences[seen]:.2g} "
                f"(relative) at {seen}, expected {TOLERANCE:g} at most; nothing was written"
            )
    cost = relative_cost(lambda: run(samples[0]), lambda: _eager(network, samples[0]))
    return {
        "difference": max(differences.values()),
        "differences": differences,
        "cost_over_eager": cost,
    }


@torch.inference_mode()
def _eager(network: nn.Module, panoramas: Tensor) -> Maps:
    maps: Maps = network(panoramas)
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
