"""The folder of a trained discriminator."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pano_data import replace_file, write_json
from pano_models import (
    EncoderDiscriminator,
    ModelNotFoundError,
    PatchDiscriminator,
    fill,
    read_state,
)

KINDS = {kind.__name__: kind for kind in (PatchDiscriminator, EncoderDiscriminator)}


def save_discriminator(
    network: PatchDiscriminator, options: Mapping[str, Any], folder: Path
) -> None:
    """Write weights and arguments for `load_discriminator`."""
    state = {k: v.detach().contiguous().cpu() for k, v in network.state_dict().items()}
    with replace_file(folder / "model.safetensors") as part:
        save_file(state, part)
    about = {"kind": type(network).__name__, **options}
    write_json(folder / "config.json", about, indent=None, sort_keys=False)


def load_discriminator(folder: str) -> PatchDiscriminator:
    """Rebuild the discriminator of a training's folder, in evaluation mode.

    Raises:
        ModelNotFoundError: There is none.
        CheckpointError: Its weights are damaged, or those of another network.
    """
    config = Path(folder) / "config.json"
    if not config.is_file():
        raise ModelNotFoundError(f"no discriminator in {folder}; train it first (uv run dvc repro)")
    options = json.loads(config.read_text())
    network = KINDS[options.pop("kind")](**options)
    fill(network, read_state(Path(folder) / "model.safetensors"))
    return network.eval()
