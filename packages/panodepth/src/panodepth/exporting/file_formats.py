"""The files a traced network can become: how each is written, opened and run."""

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.export import ExportedProgram

from pano_models import Maps
from panodepth.errors import CommandError
from panodepth.exporting.core_ml import open_core_ml, write_core_ml
from panodepth.exporting.description import ABOUT

LARGEST_ONNX = 2**31
"""Bytes: what one protobuf file can hold."""
Runner = Callable[[Tensor], Maps]
"""Runs an exported file on one thread: panoramas (b, 3, h, w) -> maps by name."""


class FileFormat(NamedTuple):
    """One choice of `panodepth export`.

    Attributes:
        write: Takes the program, the path and the description.
        open: Returns what runs the file; raises what the library raises at a damaged one.
        packages: What has to be installed.
        extra: Of `panodepth`, which brings them.
        folder: Suffix of the folder that it is, if it is no file.
        fixed: It takes panoramas of one number and one size.
        cannot_run: Why a file can be written but not run on this machine.
    """

    write: Callable[[ExportedProgram, Path, dict[str, Any]], None]
    open: Callable[[Path], Runner]
    packages: tuple[str, ...] = ()
    extra: str = ""
    folder: str = ""
    fixed: bool = False
    cannot_run: str = ""

    def check_installed(self) -> None:
        """Raise where a package is missing.

        Raises:
            CommandError: It names what to install.
        """
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise CommandError(
                f"export needs {', '.join(missing)}, not installed here: "
                f"pip install 'panodepth[{self.extra}]'"
            )


def _write_program(program: ExportedProgram, path: Path, about: dict[str, Any]) -> None:
    torch.export.save(program, path, extra_files={f"{ABOUT}.json": json.dumps(about)})


def _open_program(path: Path) -> Runner:
    run: Callable[[Tensor], Maps] = torch.export.load(path).module()

    def on_panoramas(panoramas: Tensor) -> Maps:
        with torch.inference_mode():
            return run(panoramas)

    return on_panoramas


def _write_onnx(program: ExportedProgram, path: Path, about: dict[str, Any]) -> None:
    size = sum(t.numel() * t.element_size() for t in program.state_dict.values())
    if size >= LARGEST_ONNX:
        raise CommandError(
            f"{about['model']} holds {size / 2**30:.1f} GB of weights, and one ONNX file holds "
            "less than 2: take --torch-export"
        )
    names = [output["name"] for output in about["outputs"]]
    onnx = torch.onnx.export(
        program,
        input_names=[about["input"]["name"]],
        output_names=names,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert onnx is not None
    onnx.model.metadata_props[ABOUT] = json.dumps(about)
    onnx.save(str(path), external_data=False)


def _open_onnx(path: Path) -> Runner:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [entry.name for entry in session.get_inputs()]
    outputs = [entry.name for entry in session.get_outputs()]

    def on_panoramas(panoramas: Tensor) -> Maps:
        values = session.run(outputs, {inputs[0]: panoramas.numpy()})
        return {name: torch.from_numpy(v) for name, v in zip(outputs, values, strict=True)}

    return on_panoramas


FILE_FORMATS = {
    "onnx": FileFormat(_write_onnx, _open_onnx, ("onnx", "onnxscript", "onnxruntime"), "onnx"),
    "torch_export": FileFormat(_write_program, _open_program),
    "coreml": FileFormat(
        write_core_ml,
        open_core_ml,
        ("coremltools",),
        "coreml",
        folder=".mlpackage",
        fixed=True,
        cannot_run="" if sys.platform == "darwin" else "Core ML runs on macOS and iOS only",
    ),
}
