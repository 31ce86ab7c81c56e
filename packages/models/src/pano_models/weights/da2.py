"""The published names of DA²'s SphereViT (`model.safetensors`, 464 tensors)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from pano_models.model import DepthModel, create
from pano_models.storage.state_dict import KeyMap, LoadReport, build_and_fill, with_prefix
from pano_models.weights.official import Release

UNUSED = "unused."
NEVER_USED = "no forward pass of the release reads it"
RELEASED_PIXELS = {"min_pixels": 580_000, "max_pixels": 620_000}
"""Areas of the released `configs/infer.json`."""

_BLOCK = (
    ("mlp.norm.*", "mlp.0.*"),
    ("mlp.proj1.*", "mlp.1.*"),
    ("mlp.proj2.*", "mlp.3.*"),
    ("kv.weight", "key_value.weight"),
    ("q.weight", "query.weight"),
    ("out.weight", "out.weight"),
    ("norm_attnx.*", "norm_x.*"),
    ("norm_attnctx.*", "norm_context.*"),
)
_DECODER = (
    ("to_confidence_lr.*", "unused.confidence_low.*"),
    ("to_confidence_hr.*", "unused.confidence_high.*"),
    ("to_latents.*", "head.latent.*"),
    ("process_features.#.*", "head.stages.#.merge.*"),
    ("up_sampler.#.convs.#.*", "head.stages.#.units.#.*"),
    ("up_sampler.#.up.0.*", "head.stages.#.narrow.*"),
    ("pred_head.2.#.*", "head.project.#.*"),
    ("to_depth_lr.*", "head.low.*"),
    ("to_depth_hr.*", "head.high.*"),
)
_HEAD = "vit_w_esphere._vit_w_esphere."

KEYS = KeyMap(
    (
        ("dino.register_tokens", "unused.register_tokens"),
        ("dino.mask_token", "unused.mask_token"),
        ("dino.*", "backbone.vit.*"),
        ("vit_w_esphere.dim_aligner.aligners.*", "aligners.*"),
        *with_prefix(_HEAD + "prompt_camera.#.layers.0.", "attention.#.", _BLOCK),
        *with_prefix(_HEAD, "", _DECODER),
    )
)


def translate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename published tensors to ours; a name that no rule knows stays (and fails to load)."""
    return {KEYS.to_ours(name) or name: tensor for name, tensor in state.items()}


def load(
    state: Mapping[str, Tensor], faithful: bool, **config: Any
) -> tuple[DepthModel, LoadReport]:
    """Build and fill the released network.

    Without `faithful` the embedding is still the released one (the weights were trained with it),
    but spans the true sphere, and every image is normalised by itself.
    """
    options = {**RELEASED_PIXELS, "embedding": "released", "faithful": faithful, **config}
    ours = translate(state)
    dropped: dict[str, str] = {}
    if not faithful:
        dropped = {n: NEVER_USED for n in state if (KEYS.to_ours(n) or "").startswith(UNUSED)}
        ours = {name: tensor for name, tensor in ours.items() if not name.startswith(UNUSED)}
    model, absent = build_and_fill(partial(create, "da2", **options), ours, never_used=(UNUSED,))
    return model, LoadReport(dropped, absent)


def export(model: DepthModel) -> dict[str, Tensor]:
    """Return our tensors under the published names."""
    return {KEYS.to_published(n) or n: t.detach() for n, t in model.state_dict().items()}


RELEASE = Release("vit_w_esphere._vit_w_esphere.to_latents.weight", load, export)
