"""params.rehearsal.yaml makes the papers' settings small, and changes nothing else."""

from collections.abc import Mapping
from typing import Any

import yaml

from experiments.pipeline import overlay, params
from tests.experiments.tiny import ROOT

REHEARSAL, PAPER = ROOT / "params.rehearsal.yaml", ROOT / "params.paper.yaml"
KINDS = {
    "sizes": ("size", "picture_size", "face_size", "batch_size", "eval_batch_size", "keep",
        "height", "overlap", "max_tokens"),
    "steps": ("max_steps", "max_epochs", "val_check_interval", "accumulate_grad_batches",
        "warmup_steps", "total_steps", "snapshots", "rounds", "steps"),
    "networks": ("backbone_options", "width", "heads", "head_channels", "residual_units",
        "embed_dim", "features", "level_channels"),
    "models of the hub": ("backbone_weights", "detector", "segmenter"),
    "machine": ("accelerator", "devices", "strategy", "device", "threads", "num_workers", "dtype"),
    "gates of quality": ("min_correlation", "max_share", "highest_rank", "box_threshold",
        "far_threshold"),
}  # fmt: skip
"""Kind -> last keys that the overlay may state. Beside them: `worlds`, the data sets themselves."""
ALLOWED = {key for keys in KINDS.values() for key in keys}


def rest(node: Any) -> Any:
    """Values without the keys that may differ."""
    if isinstance(node, Mapping):
        return {k: rest(v) for k, v in node.items() if k not in ALLOWED}
    return [rest(part) for part in node] if isinstance(node, list) else node


def leaves(node: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Keys of what an overlay states, down to the first allowed key."""
    if isinstance(node, Mapping) and not (at and at[-1] in ALLOWED):
        return [leaf for key, value in node.items() for leaf in leaves(value, (*at, key))]
    return [at]


def test_only_the_listed_kinds_of_keys_differ() -> None:
    """Section by section, resolved."""
    names = params.read_params(PAPER)
    assert set(params.read_params(REHEARSAL)) == set(names)
    for name in names:
        if name != "worlds":
            assert rest(params.section(name, REHEARSAL)) == rest(params.section(name, PAPER)), name


def test_the_overlay_states_no_other_key() -> None:
    stated = yaml.load(REHEARSAL.read_text(), Loader=params._Loader)
    assert stated.pop(params.EXTENDS) == PAPER.name
    stated.pop("worlds")
    assert {leaf[-1] for leaf in leaves(stated)} <= ALLOWED


def test_every_allowed_key_is_used() -> None:
    stated = yaml.load(REHEARSAL.read_text(), Loader=params._Loader)
    stated.pop("worlds")
    assert {leaf[-1] for leaf in leaves(stated)} - {params.EXTENDS} == ALLOWED


def test_every_data_set_of_the_pipeline_of_the_suites_and_of_newer_papers_is_rendered() -> None:
    written = params.read_params(REHEARSAL)
    sections = overlay.with_alternatives(written, overlay.alternatives(written))
    suites = {"stanford2d3d", "matterport3d_unifuse", "matterport3d_pano3d", "panosuncg", "deep360",
              "dap_test", "structured3d"}  # fmt: skip
    newer = {"helvipad", "da360_metropolis", "panocarla", "zuripano", "pano_infinigen"}
    assert set(sections["worlds"]) == {*sections["pipeline"]["manifests"], *suites, *newer}


def test_nothing_comes_from_the_hub() -> None:
    assert "timm" not in {
        value for name in params.read_params(REHEARSAL)
        for value in texts(params.section(name, REHEARSAL), "backbone_weights")
    }  # fmt: skip


def texts(node: Any, key: str) -> list[Any]:
    """Values of a key, at any depth."""
    if isinstance(node, list):
        return [found for part in node for found in texts(part, key)]
    if not isinstance(node, Mapping):
        return []
    own = [node[key]] if key in node else []
    return own + [found for value in node.values() for found in texts(value, key)]
