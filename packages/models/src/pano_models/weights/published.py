"""Published weights this package can read: where they come from, and under which terms."""

from dataclasses import dataclass
from typing import Literal

from pano_models.outputs import DISPARITY_AFFINE, DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT

Kind = Literal["official", "teacher", "backbone"]


@dataclass(frozen=True)
class PublishedWeights:
    """One published weight file.

    Args:
        name: The release's name for `load_official`, the backbone's name in timm, or the hub id
            that `load_teacher` takes.
        repository: The repository, at the hub or of the code, in which the authors name the file.
        file: The file.
        licence: The terms the authors state; None where sources disagree (see `note`).
        kind: An official panoramic network, a perspective teacher, or a backbone to start from.
        revision: Commit of `repository` that was read, None where only its name is known.
        on_hub: Whether the file lies in `repository` at the model hub; else it is fetched by hand.
        page: Where a person finds the file, where that is not the page of `repository`.
        predicts: Key of the prediction, "" for a backbone.
        native_size: Height and width at which it is evaluated; None: any.
        size: Bytes, None where not known.
        sha256: Of the file, None where nobody could state it.
        note: What a user has to know before using the file.
    """

    name: str
    repository: str
    file: str
    licence: str | None
    kind: Kind = "official"
    revision: str | None = None
    on_hub: bool = False
    page: str = ""
    predicts: str = ""
    native_size: tuple[int, int] | None = None
    size: int | None = None
    sha256: str | None = None
    note: str = ""

    @property
    def terms(self) -> str:
        """The licence, with what has to be known of it."""
        return "; ".join(part for part in (self.licence or "no clear licence", self.note) if part)


NO_LICENCE = "the repository states no licence, of code or of weights"
DRIVE = "linked from the repository's README, not a file of it"
FILES = "https://drive.google.com/"
STUDENT_SIZE = (512, 1024)
DEPTH_ANYTHING_SIZE = (518, 518)

PUBLISHED = (
    PublishedWeights(
        name="da2",
        repository="haodongli/DA-2",
        file="model.safetensors",
        licence="Apache-2.0",
        # The revision that another public project pins; its files were never opened by us.
        revision="0d55ccb5e46b8ed4715fae3a4c04fc897f1689f3",
        on_hub=True,
        predicts=DISTANCE_SCALE_INVARIANT,
        native_size=(546, 1092),
        note=(
            "the code repository states Apache-2.0; the head follows UniK3D, which is "
            "CC BY-NC-SA 4.0, and whether its weights were the start is not stated; about 1.38 GB "
            "(344.6 M parameters in float32)"
        ),
    ),
    PublishedWeights(
        name="dap",
        repository="Insta360-Research/DAP-weights",
        file="model.pth",
        licence=None,
        on_hub=True,
        predicts=DISTANCE_METRIC,
        native_size=STUDENT_SIZE,
        size=1_460_746_347,
        note=(
            "the code is MIT, a model card states Apache-2.0, the weights derive from DINOv3, "
            "whose licence has to go with them; the size is a third party's, and the hash it gives "
            "has 65 digits, so none is kept"
        ),
    ),
    PublishedWeights(
        name="unifuse",
        repository="alibaba/UniFuse-Unidirectional-Fusion",
        file="Matterport3D_UniFuse_cee_se_b/model.pth",
        licence="MIT",
        revision="5da3a4e",
        page=f"{FILES}drive/folders/1Dx7QR4ypujgLbyOo1zu4vIYXbqf95ToE",
        predicts=DISTANCE_METRIC,
        native_size=STUDENT_SIZE,
        note=(
            f"{DRIVE}; also Stanford2D3D_UniFuse_cee_se_b, 3D60_UniFuse_cee_se, "
            "PanoSunCG_UniFuse_cee_se"
        ),
    ),
    PublishedWeights(
        name="bifuse_plus",
        repository="fuenwang/BiFusev2",
        file="pretrain/supervised_pretrain.pkl",
        licence="MIT",
        revision="6a0f4ba",
        page=f"{FILES}file/d/1ZeQrCt4HQrZ3KGdROzqxWdqB4zz1EkTG",
        predicts=DISTANCE_METRIC,
        native_size=STUDENT_SIZE,
        note=f"{DRIVE}; beside it selfsupervised_pretrain.pkl: head='self_supervised'",
    ),
    PublishedWeights(
        name="hohonet",
        repository="sunset1995/HoHoNet",
        file="ckpt/mp3d_depth_HOHO_depth_dct_efficienthc_TransEn1/ep60.pth",
        licence="MIT",
        revision="2bbc086",
        page=f"{FILES}drive/folders/1raT3vRXnQXRAQuYq36dE-93xFc_hgkTQ",
        predicts=DISTANCE_METRIC,
        native_size=STUDENT_SIZE,
        note=(
            f"{DRIVE}; also ..._TransEn1_hardnet (HarDNet-68), and s2d3d_depth_... "
            "(the depthS ones are 256x512)"
        ),
    ),
    PublishedWeights(
        name="egformer",
        repository="yuniw18/EGformer",
        file="EGformer_pretrained.pkl",
        licence="MIT",
        revision="63906e5",
        page=f"{FILES}drive/folders/15L5RviWqd63TS1L3gwxqggiEgkZS5Yjg",
        predicts=DISTANCE_METRIC,
        native_size=STUDENT_SIZE,
        note=DRIVE,
    ),
    *(
        PublishedWeights(
            name=f"{name}_depth_anywhere",
            repository="albert100121/Depth-Anywhere",
            file=f"checkpoints/{folder}/{file}.pth",
            licence=None,
            revision="05058c6",
            page=f"{FILES}file/d/1yE555x5tvC3zJx_KxyuMKi4ok-joKpdg",
            predicts=DISPARITY_AFFINE,
            native_size=STUDENT_SIZE,
            note=f"{NO_LICENCE}; {DRIVE}",
        )
        for name, folder, file in (
            ("unifuse", "UniFuse", "UniFuse_SpatialAudioGen"),
            ("bifuse_plus", "BiFuseV2", "BiFuseV2_SpatialAudioGen"),
            ("hohonet", "HoHoNet", "HoHoNet_st3d"),
            ("egformer", "EGFormer", "HoHoNet_st3d"),  # as the README lists it, by a slip
        )
    ),
    *(
        PublishedWeights(
            name=repository,
            repository=repository,
            file="model.safetensors",
            licence=licence,
            kind="teacher",
            on_hub=True,
            predicts=DISPARITY_AFFINE,
            native_size=DEPTH_ANYTHING_SIZE,
            note=note,
        )
        for repository, licence, note in (
            ("LiheYoung/depth-anything-small-hf", "Apache-2.0", ""),
            ("LiheYoung/depth-anything-base-hf", "Apache-2.0", ""),
            ("LiheYoung/depth-anything-large-hf", "Apache-2.0", "Depth Anywhere's teacher"),
            ("depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0", ""),
            ("depth-anything/Depth-Anything-V2-Base-hf", "CC BY-NC 4.0", "no commercial use"),
            ("depth-anything/Depth-Anything-V2-Large-hf", "CC BY-NC 4.0", "no commercial use"),
        )
    ),
    PublishedWeights(
        name="vit_large_patch14_dinov2",
        repository="timm/vit_large_patch14_dinov2.lvd142m",
        file="model.safetensors",
        licence="Apache-2.0",
        kind="backbone",
        on_hub=True,
    ),
    PublishedWeights(
        name="vit_large_patch16_dinov3_qkvb",
        repository="timm/vit_large_patch16_dinov3_qkvb.lvd1689m",
        file="model.safetensors",
        licence="DINOv3 License",
        kind="backbone",
        on_hub=True,
        note="Meta's own licence: redistribution of derivatives has to carry it",
    ),
)
"""Nothing here is downloaded unasked; nothing is part of this repository."""


def published(name: str) -> PublishedWeights:
    """Return the entry of a release or backbone.

    Raises:
        KeyError: No such entry.
    """
    for entry in PUBLISHED:
        if entry.name == name:
            return entry
    raise KeyError(f"no published weights {name!r}; known: {[e.name for e in PUBLISHED]}")
