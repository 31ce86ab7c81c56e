"""The code that a values file names, and what of it counts for the key of a training.

Classes by their path, networks by the model that holds them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from experiments.pipeline import params
from experiments.pipeline.closure.digest import code, code_digest
from experiments.pipeline.closure.imports import BOX, Code
from experiments.pipeline.run_folder import FINISHED
from pano_models.registry import NETWORKS as REGISTERED

NETWORKS = "pano_models"
OFFICIAL = "official:"


def texts(node: Any) -> Iterator[str]:
    """Yield every text in a configuration."""
    if isinstance(node, Mapping | list):
        for value in node.values() if isinstance(node, Mapping) else node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


class CodeInValues:
    """Finds the code that values name.

    Args:
        code: The modules of the clone.
        values: The values file, for the networks of the models that its sections train.
    """

    def __init__(self, code: Code, values: Path = params.PARAMS_FILE) -> None:
        self.code = code
        self.values = values
        self.written = params.read_params(values) if values.is_file() else {}
        self.section = cache(lambda name: params.section(name, values))

    def leaves(self, sections: Iterable[str]) -> list[str]:
        """Return those sections of a stage that no other takes over, wholly or in part."""
        whole = [name for name in sections if "." not in name]
        parts = {
            place.split(".")[0]
            for name in whole
            for place in params.lineage(name, self.values)
            if place != name
        }
        return [name for name in whole if name not in parts]

    def names(self, node: Any) -> set[str]:
        """Return the dotted names of ours in a configuration, e.g. of each `class_path`."""
        return {
            text
            for text in texts(node)
            if "." in text and self.code.is_ours(text) and self.code.resolve(text)
        }

    def networks(self, node: Any) -> set[str]:
        """Return what the models in a configuration need to be built again.

        A model is a text: the name of a section that trains one, with `runs/` before it or without,
        `official:NAME=FILE`, or a network in the box by its name or folder. Its network is the one
        that its section, or its `config.json`, states.
        """
        found = set()
        for text in texts(node):
            if text.startswith(OFFICIAL):
                found |= self._official(text.removeprefix(OFFICIAL).partition("=")[0])
            else:
                found |= self._trained(text.removeprefix(f"{FINISHED}/"))
                found |= self._boxed(text.removeprefix(f"{BOX}/"))
        return found

    def _trained(self, section: str) -> set[str]:
        if section not in self.written:
            return set()
        model = self.section(section).get("model")
        options = model.get("init_args") if isinstance(model, Mapping) else None
        return self.names(options.get("net")) if isinstance(options, Mapping) else set()

    def _boxed(self, name: str) -> set[str]:
        if "/" in name or name.startswith("."):
            return set()
        config = self.code.root / BOX / name / "config.json"
        if not config.is_file():
            return set()
        return {REGISTERED[json.loads(config.read_text())["name"]]}

    def _official(self, name: str) -> set[str]:
        """Return the modules that the tables of `pano_models` name for a release."""
        return {
            module
            for module in self.code.deferred(NETWORKS)
            if f"{name}_".startswith(f"{module.rpartition('.')[2]}_")
        }


PAPERS = "experiments"


def training_code(paper: str, resolved: Mapping[str, Any]) -> str:
    """Return the digest of all code that a training runs.

    Args:
        paper: Folder of the experiment; its `__main__` is what runs.
        resolved: The configuration. The classes it names count, and the networks of the models it
            starts from: teacher, labeler, first weights.
    """
    named = CodeInValues(code())
    names = named.names(resolved) | named.networks(resolved)
    return code_digest(f"{PAPERS}.{paper}.__main__", *names)
