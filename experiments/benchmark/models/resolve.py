"""Turn a MODEL of the command line into something that predicts batches.

Baselines that never look at the picture are among them: what a trained network must beat.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import pano_models
from experiments.benchmark.full_pictures import PICTURE
from experiments.benchmark.models.folder_predictions import FOLDER, FolderPredictions
from experiments.benchmark.models.fusion import FUSION, build_fusion
from experiments.pipeline.run_folder import FINISHED
from pano_data import Manifest, ManifestDataset, read_manifest
from pano_geometry.tensor_types import Float
from pano_models.storage.model_folder import digest_of_weights


@dataclass(frozen=True)
class DatasetLocation:
    """Where a data set lies: its manifest, and the root of the manifest's relative paths."""

    manifest: str
    root: str


class ScoredModel(Protocol):
    """What can be scored.

    Attributes:
        network: Name in `pano_models`, or of the kind of model.
        identity: Changes when the predictions do: what a resumed run must agree on.
        sees_pictures: Whether `predict` needs the stored pictures, see `FullPictures`.
        module: The network whose code makes the predictions; None where they were made elsewhere.
    """

    network: str
    identity: str
    sees_pictures: bool

    @property
    def module(self) -> nn.Module | None:
        """See the attributes."""

    def prepare(self, manifest: Manifest, size: tuple[int, int]) -> None:
        """Refuse what cannot be predicted, before anything is scored."""

    def predict(self, batch: Mapping[str, Any], device: str) -> dict[str, Tensor]:
        """Return maps by meaning, `(b, 1, h, w)`, at the size of the labels."""


class ScoredNetwork:
    """Run a network on the stored picture of each sample, as `panodepth predict` does.

    Args:
        module: `module(rgb)` returns maps by meaning.
        network: Name of the architecture.
        identity: Digest of its weights; of the module's parameters by default.
        size: Height and width to run it at; None: its own, see `pano_models.working_size`.
    """

    sees_pictures = True

    def __init__(
        self,
        module: nn.Module,
        network: str,
        identity: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.predictor = pano_models.Predictor(module, size)
        self.network = network
        height, width = self.predictor.size
        self.identity = f"{identity or _digest_of_state(module)} {height}x{width}"

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.predictor.network

    def prepare(self, manifest: Manifest, size: tuple[int, int]) -> None:
        """Accept everything: a network predicts whatever it is shown."""

    def predict(self, batch: Mapping[str, Any], device: str) -> dict[str, Tensor]:
        """Return the network's maps of a batch, moved to where they are made."""
        if self.predictor.device != torch.device(device):
            network, size = self.predictor.network, self.predictor.size
            self.predictor = pano_models.Predictor(network, size, device)
        found = self.predictor.at_working_size(batch[PICTURE])
        scored = [maps.at(batch["distance"].shape[-2:]).maps for maps in found]
        return {key: torch.cat([maps[key] for maps in scored]) for key in scored[0]}


def resolve(
    model: str, latitude_from: DatasetLocation | None, size: tuple[int, int]
) -> ScoredModel:
    """Return what a MODEL stands for.

    Args:
        model: Name under `runs/` or a folder, `official:NAME=FILE`, a hub id,
            `fusion:SOURCE[,...]`, `folder:DIR[,...]`, `baseline_constant` or `baseline_latitude`.
        latitude_from: Training set of the latitude baseline.
        size: Height and width that are scored: baselines and fusions run at it.

    Raises:
        ValueError: There is no such model (also `ModelNotFoundError`, `CheckpointError`), or its
            options are wrong.
        ImportError: A perspective model without transformers.
    """
    if model.startswith(FOLDER):
        return FolderPredictions.parse(model)
    if model.startswith(FUSION):
        fusion = build_fusion(model)
        # its weights are the perspective model's: rig and fusion stand in MODEL alone
        identity = f"{model} {_digest_of_state(fusion)}"
        return ScoredNetwork(fusion, "fusion_baseline", identity, size)
    if model == "baseline_constant":
        return ScoredNetwork(ConstantBaseline(), model, model, size)
    if model == "baseline_latitude":
        return ScoredNetwork(_latitude(latitude_from, size), model, size=size)
    network = pano_models.load(_place(model))
    name = network.spec.name if network.spec else type(network).__name__.lower()
    return ScoredNetwork(network, name)


def load_predictor(model: str, device: str) -> pano_models.Predictor:
    """Load the network of a training under `runs/`, or a MODEL of `pano_models.load`."""
    return pano_models.Predictor(pano_models.load(_place(model)), device=device)


def _place(model: str) -> str:
    """Return MODEL with the name of a training replaced by its folder."""
    folder = FINISHED / model
    return str(folder) if folder.is_dir() else model


def _latitude(source: DatasetLocation | None, size: tuple[int, int]) -> nn.Module:
    if source is None:
        raise ValueError(
            "got no `latitude_from`, expected the training set of the latitude baseline"
        )
    train = ManifestDataset(read_manifest(source.manifest), source.root, size)
    pairs = ((s["distance"], s["valid"]) for s in (train[i] for i in range(len(train))))
    return LatitudeBaseline.fit(pairs)


def _digest_of_state(module: nn.Module) -> str:
    """Return the SHA-256 of all tensors and of the options a network was built from."""
    text = f"{getattr(module, 'spec', None)!r} {digest_of_weights(module)}"
    return hashlib.sha256(text.encode()).hexdigest()


class ConstantBaseline(nn.Module):
    """The same distance everywhere: a sphere around the camera."""

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> dict[str, Tensor]:
        """Return a map of ones `(b, 1, h, w)`."""
        return {"distance_scale_invariant": torch.ones_like(rgb[:, :1])}


class LatitudeBaseline(nn.Module):
    """The geometric mean distance of each latitude over training panoramas.

    Args:
        profile: Mean log distance by row, top to bottom, any number of rows.
    """

    def __init__(self, profile: Float[Tensor, " rows"]) -> None:
        super().__init__()
        self.register_buffer("profile", profile)
        self.profile: Tensor

    @classmethod
    def fit(cls, samples: Iterable[tuple[Tensor, Tensor]]) -> "LatitudeBaseline":
        """Average log distance by row over pairs of distance and valid mask `(1, h, w)`.

        Every panorama is divided by its geometric mean first: the baseline is scale-invariant.
        """
        total, weight = torch.zeros(()), torch.zeros(())
        for distance, valid in samples:
            logs = torch.where(valid, distance.clamp(min=1e-6).log(), 0.0)
            logs = torch.where(valid, logs - logs.sum() / valid.sum().clamp(min=1), 0.0)
            total = total + logs.sum((0, 2))
            weight = weight + valid.sum((0, 2))
        return cls(total / weight.clamp(min=1))

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> dict[str, Tensor]:
        """Return the profile, repeated along longitude, `(b, 1, h, w)`."""
        rows = F.interpolate(self.profile[None, None], rgb.shape[-2], mode="linear")
        return {
            "distance_scale_invariant": rows.exp()[..., None].expand_as(rgb[:, :1]).contiguous()
        }
