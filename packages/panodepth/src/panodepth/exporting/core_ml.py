"""A traced network as a Core ML package for macOS and iOS, in float32 throughout."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from pano_models import Maps
from panodepth.exporting.description import ABOUT

SAME_VALUE = frozenset({torch.ops.aten.alias.default, torch.ops.aten.detach.default})
CHECK = torch.ops.aten._assert_tensor_metadata.default


def write_core_ml(program: ExportedProgram, path: Path, about: dict[str, Any]) -> None:
    """Convert a program of one fixed shape and write the package (a folder `.mlpackage`).

    Float32: half precision shifts the metres of a network's last layers although the picture looks
    right.
    """
    import coremltools as ct

    logging.getLogger("coremltools").setLevel(logging.ERROR)
    model = ct.convert(
        _without_no_ops(program.run_decompositions({})),
        inputs=[ct.TensorType(name=about["input"]["name"], shape=about["input"]["shape"])],
        outputs=[ct.TensorType(name=output["name"]) for output in about["outputs"]],
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )
    model.short_description = f"{about['network']}: distance from a 360° panorama"
    model.user_defined_metadata[ABOUT] = json.dumps(about)
    model.save(str(path))


def _without_no_ops(program: ExportedProgram) -> ExportedProgram:
    """Take out what changes no value: the converter does not know these operations."""
    graph = program.graph
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in SAME_VALUE:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.op == "call_function" and node.target is CHECK and not node.users:
            graph.erase_node(node)
    return program


def open_core_ml(path: Path) -> Callable[[Tensor], Maps]:
    """Return what runs a package, on macOS."""
    import coremltools as ct

    model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit.CPU_ONLY)
    description = model.get_spec().description
    feed = description.input[0].name
    names = [output.name for output in description.output]

    def on_panoramas(panoramas: Tensor) -> Maps:
        values = model.predict({feed: panoramas.numpy()})
        return {name: torch.from_numpy(values[name]) for name in names}

    return on_panoramas
