"""What tells runs apart: digests of what they start from, curated parameters, tags."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.pipeline import data_files
from experiments.pipeline.closure.values import texts
from experiments.pipeline.data_files import CONTENTS
from experiments.pipeline.processes import checked_world

WEIGHTS = "model.safetensors"


def input_digests(resolved: Mapping[str, Any]) -> dict[str, str]:
    """Return `{path: SHA-256}` of what a resolved configuration starts from.

    Of its data: every manifest, what was noted of the files behind it, and every shard index. Of
    its model: the weights in every folder it names (teacher, labeler, first weights), since the
    same values with another teacher are another training.
    """
    weights = [f"{text}/{WEIGHTS}" for text in texts(resolved["model"])]
    paths = sorted({*_named(resolved["data"]), *weights})
    found = {path: _sha256(path) for path in paths if Path(path).is_file()}
    noted = {f"{path} ({CONTENTS})": data_files.read_digest(Path(path)) for path in found}
    return found | {name: digest for name, digest in noted.items() if digest is not None}


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [node["manifest"]] if isinstance(node.get("manifest"), str) else []
        own += [f"{node['shards']}/index.json"] if isinstance(node.get("shards"), str) else []
        return own + [p for value in node.values() for p in _named(value)]
    if isinstance(node, list):
        return [p for value in node for p in _named(value)]
    return []


def curated(resolved: Mapping[str, Any], parameters: int) -> dict[str, Any]:
    """Return the parameters worth a column when runs are compared."""
    model, data, trainer = resolved["model"]["init_args"], resolved["data"], resolved["trainer"]
    terms = model["loss"].get("init_args", {}).get("terms", {})
    ranks = checked_world(trainer["devices"], trainer["num_nodes"])
    return {
        "network": model["net"]["class_path"].rsplit(".", 1)[-1],
        "parameters": parameters,
        "lr": model["optimizer"].get("init_args", {}).get("lr"),
        "batch_size": data["batch_size"],
        "global_batch": data["batch_size"] * trainer["accumulate_grad_batches"] * ranks,
        "size": "x".join(str(v) for v in data["size"]),
        "max_steps": trainer["max_steps"],
        "precision": trainer["precision"],
        "seed": resolved["seed_everything"],
        **{f"weight.{k}": v.get("init_args", {}).get("weight") for k, v in terms.items()},
    }


def run_tags(paper: str, section: str, key: str, resolved: Mapping[str, Any]) -> dict[str, str]:
    """Return what a run belongs to and how it is scored, with the `tags` of its section over it."""
    protocols = resolved["model"]["init_args"].get("protocols") or []
    own = {"paper": paper, "section": section, "run.key": key, "protocol": ", ".join(protocols)}
    return {k: v for k, v in {**own, **resolved["tags"]}.items() if v}
