"""The files a traced network can become: how each is written, opened, run and described."""

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from pano_models import Maps, Predictor, name_of
from pano_models.inputs import RgbInput
from pano_models.outputs import UNITS, range_of
from pano_models.storage.model_folder import digest_of_weights
from panodepth import __version__
from panodepth.errors import CommandError

ABOUT = "panodepth"
"""Under this name a file holds its own description (JSON)."""
LARGEST_ONNX = 2**31
"""Bytes: what one protobuf file can hold."""
Runner = Callable[[Tensor], Maps]
"""Runs an exported file on one thread: panoramas (b, 3, h, w) -> maps by name."""


class FileFormat(NamedTuple):
    """One choice of `panodepth export`.

    Attributes:
        write: Takes the program, the path and the description.
        open: Returns what runs the file.
        packages: What has to be installed.
        extra: Of `panodepth`, which brings them.
    """

    write: Callable[[ExportedProgram, Path, dict[str, Any]], None]
    open: Callable[[Path], Runner]
    packages: tuple[str, ...] = ()
    extra: str = ""

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
}


def sidecar_path(path: Path) -> Path:
    """Return where the JSON of a file lies: its name and `.json`."""
    return path.with_name(f"{path.name}.json")


def describe(
    predictor: Predictor,
    model: str,
    file_format: str,
    batch: Sequence[int] | None,
    keys: Sequence[str],
) -> dict[str, Any]:
    """Return what a user of the file has to know to feed it and to read its outputs.

    Args:
        predictor: Of the network.
        model: As the user named it.
        file_format: Key of `FILE_FORMATS`.
        batch: The one number of panoramas that it takes; None: any.
        keys: Its outputs, in order.
    """
    shape = [batch[0] if batch else "batch", 3, *predictor.size]
    return {
        "panodepth": __version__,
        "torch": torch.__version__,
        "format": file_format,
        "model": model,
        "network": _network_name(predictor.network),
        "weights_sha256": digest_of_weights(predictor.network),
        "input": {
            "name": "rgb",
            "shape": shape,
            "dtype": "float32",
            "range": [0.0, 1.0],
            "colours": "sRGB, in the order red, green, blue",
            "projection": "equirectangular, the whole sphere, zenith in the first row",
            **_normalisation(predictor.network),
        },
        "outputs": [
            {"name": key, "shape": [shape[0], 1, *predictor.size], "unit": _unit(key)}
            for key in keys
        ],
    }


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _network_name(network: nn.Module) -> str:
    try:
        return name_of(type(network))
    except ValueError:
        return type(network).__name__


def _normalisation(network: nn.Module) -> dict[str, Any]:
    """Return mean and standard deviation that the graph itself takes off."""
    for module in network.modules():
        if isinstance(module, RgbInput) and module.normalize:
            mean, std = (_rounded(t) for t in (module.mean, module.std))
            return {"mean_inside": mean, "std_inside": std}
    return {}


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 6) for value in values.flatten().tolist()]  # float32 has no more


def _unit(key: str) -> str:
    if key in UNITS:
        return UNITS[key]
    return "" if range_of(key) is None else "probability of being far or sky"
