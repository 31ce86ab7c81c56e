"""Published weights this package can read: where they come from, and under which terms."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedWeights:
    """One published weight file.

    Args:
        name: The release's name for `load_official`, the backbone's name in timm, or what a teacher
            is called.
        repository: The repository, at the hub or of the code, in which the authors name the file.
        file: The file.
        revision: Commit of `repository` that was read, None where only its name is known.
        licence: The terms the authors state; None where sources disagree (see `note`).
        size: Bytes, None where not known.
        sha256: Of the file, None where nobody could state it.
        note: What a user has to know before using the file.
    """

    name: str
    repository: str
    file: str
    licence: str | None
    revision: str | None = None
    size: int | None = None
    sha256: str | None = None
    note: str = ""


NO_LICENCE = "the repository states no licence, of code or of weights"
DRIVE = "linked from the repository's README, not a file of it"

PUBLISHED = (
    PublishedWeights(
        name="da2",
        repository="haodongli/DA-2",
        file="model.safetensors",
        licence="Apache-2.0",
        note=(
            "the code repository states Apache-2.0; the head follows UniK3D, which is "
            "CC BY-NC-SA 4.0, and whether its weights were the start is not stated"
        ),
    ),
    PublishedWeights(
        name="dap",
        repository="Insta360-Research/DAP-weights",
        file="model.pth",
        licence=None,
        size=1_460_746_347,
        note=(
            "the code is MIT, a model card states Apache-2.0, the weights derive from DINOv3, "
            "whose licence has to go with them; the size is a third party's, and the hash it gives "
            "has 65 digits, so none is kept"
        ),
    ),
    PublishedWeights(
        name="vit_large_patch14_dinov2",
        repository="timm/vit_large_patch14_dinov2.lvd142m",
        file="model.safetensors",
        licence="Apache-2.0",
    ),
    PublishedWeights(
        name="vit_large_patch16_dinov3_qkvb",
        repository="timm/vit_large_patch16_dinov3_qkvb.lvd1689m",
        file="model.safetensors",
        licence="DINOv3 License",
        note="Meta's own licence: redistribution of derivatives has to carry it",
    ),
    PublishedWeights(
        name="unifuse",
        repository="alibaba/UniFuse-Unidirectional-Fusion",
        file="Matterport3D_UniFuse_cee_se_b/model.pth",
        licence="MIT",
        revision="5da3a4e",
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
        note=f"{DRIVE}; beside it selfsupervised_pretrain.pkl: head='self_supervised'",
    ),
    PublishedWeights(
        name="hohonet",
        repository="sunset1995/HoHoNet",
        file="ckpt/mp3d_depth_HOHO_depth_dct_efficienthc_TransEn1/ep60.pth",
        licence="MIT",
        revision="2bbc086",
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
        note=DRIVE,
    ),
    *(
        PublishedWeights(
            name=f"{name}_depth_anywhere",
            repository="albert100121/Depth-Anywhere",
            file=f"checkpoints/{folder}/{file}.pth",
            licence=None,
            revision="05058c6",
            note=f"{NO_LICENCE}; {DRIVE}",
        )
        for name, folder, file in (
            ("unifuse", "UniFuse", "UniFuse_SpatialAudioGen"),
            ("bifuse_plus", "BiFuseV2", "BiFuseV2_SpatialAudioGen"),
            ("hohonet", "HoHoNet", "HoHoNet_st3d"),
            ("egformer", "EGFormer", "HoHoNet_st3d"),  # as the README lists it, by a slip
        )
    ),
    PublishedWeights(
        name="depth_anything_vitl14",
        repository="LiheYoung/Depth-Anything",
        file="depth_anything_vitl14.pth",
        licence="Apache-2.0",
        note=(
            "Depth Anywhere's teacher; of Depth Anything v2 only Small is Apache-2.0, "
            "the larger ones CC BY-NC 4.0"
        ),
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
