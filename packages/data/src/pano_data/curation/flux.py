"""Out-painting by FLUX.1-Fill with a panorama LoRA, through diffusers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pixel_shuffle, pixel_unshuffle

import pano_geometry as pg
from pano_data.curation.outpaint import Outpainter, apply_around, blend_known, fade_seam, pad_right
from pano_data.errors import MissingExtraError
from pano_geometry.tensor_types import Bool, Float

MODEL = "black-forest-labs/FLUX.1-Fill-dev"
LORA = ("tencent/HunyuanWorld-1", "HunyuanWorld-PanoDiT-Image", "lora.safetensors")
PROMPT = "a clean, realistic, high-quality, high-resolution, panoramic image of {scene}"
NEGATIVE = "messy, low-quality, blur, noise, low-resolution, abnormal"
SCENES = {"indoor": "an indoor scene", "outdoor": "an outdoor scene", "mixed": "a scene"}

_WHERE = ("batch_size", "device", "offload")


@dataclass(eq=False)
class FluxOutpainter(Outpainter):
    """Out-paints by FLUX.1-Fill; the network is loaded at the first picture.

    DA² trained a LoRA of its own and published neither weights nor settings; the defaults are those
    of the public stand-in, HunyuanWorld-1.0's image-to-panorama LoRA, with the prompts of DA².

    The noise of a sample is drawn from its own seed, so a panorama does not depend on which others
    share its batch. The seam: latents are widened by `overlap` columns of the other side, both
    copies are cross-faded after each of the first `agree_steps` steps and at the end, and encoder
    and decoder see the picture continued on both sides. FluxFillPipeline knows the distilled
    guidance only and takes no negative prompt, so the denoising loop is ours: true classifier-free
    guidance runs the network on both prompts.

    Attributes:
        model: Folder or hub id of a FluxFillPipeline.
        lora: Folder or hub id, subfolder and file of a LoRA that is fused into it; None for none.
        size: Height and width it works at, multiples of 16.
        steps: Steps of the flow-matching scheduler.
        guidance: Distilled (embedded) guidance.
        true_cfg: Scale of the negative prompt; at 1 the network runs once per step, without it.
        prompt: `{scene}` is filled in by the environment of the picture.
        negative_prompt: Describes what the picture must not show.
        overlap: Latent columns that both sides share, even.
        agree_steps: Steps after which they are cross-faded.
        erode_px: Border of the known part that is painted anew, pixels at `size`; in the result
            known pixels are put back.
        max_tokens: Longest T5 prompt, in tokens.
        dtype: Number type of the networks.
        batch_size: Panoramas per call of the network.
        device: Device of the networks.
        offload: Keep on the device only the network at work.

    Raises:
        MissingExtraError: diffusers is not installed.
        ValueError: a size or overlap that the latents cannot hold.

    Source: DA², supplement E (prompts); HunyuanWorld 1.0's released image-to-panorama settings.
    """

    model: str = MODEL
    lora: tuple[str, str, str] | None = LORA
    size: tuple[int, int] = (960, 1920)
    steps: int = 50
    guidance: float = 30.0
    true_cfg: float = 2.0
    prompt: str = PROMPT
    negative_prompt: str = NEGATIVE
    overlap: int = 6
    agree_steps: int = 4
    erode_px: int = 5
    max_tokens: int = 512
    dtype: str = "bfloat16"
    batch_size: int = 1
    device: str = "cuda"
    offload: bool = False

    def __post_init__(self) -> None:
        if self.size[1] != 2 * self.size[0]:
            raise ValueError(f"a panorama is twice as wide as high, got size {self.size}")
        if self.overlap % 2 or self.overlap < 0:
            raise ValueError(
                f"overlap must be even (latents are packed 2 by 2), got {self.overlap}"
            )
        _import_diffusers()
        self._texts: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    @property
    def settings(self) -> dict[str, object]:
        """See `Outpainter.settings`."""
        decisive = (field.name for field in fields(self) if field.name not in _WHERE)
        return {"name": "flux_fill", **{name: getattr(self, name) for name in decisive}}

    @cached_property
    def pipe(self) -> Any:
        """The FluxFillPipeline, with the LoRA fused.

        Raises:
            ValueError: The model cannot work at `size`.
        """
        dtype = getattr(torch, self.dtype)
        pipe = _import_diffusers().FluxFillPipeline.from_pretrained(self.model, torch_dtype=dtype)
        grain = 2 * pipe.vae_scale_factor
        if self.size[0] % grain or self.size[1] % grain:
            raise ValueError(f"size {self.size}: expected multiples of {grain} for {self.model}")
        if self.lora is not None:
            folder, subfolder, file = self.lora
            pipe.load_lora_weights(folder, subfolder=subfolder, weight_name=file)
            pipe.fuse_lora()
            pipe.unload_lora_weights()
        if self.offload:
            pipe.enable_model_cpu_offload(device=self.device)
        return pipe if self.offload else pipe.to(self.device)

    @torch.inference_mode()
    def paint(
        self,
        images: Float[Tensor, "b 3 h w"],
        known: Bool[Tensor, "b 1 h w"],
        environments: Sequence[str],
        seeds: Sequence[int],
    ) -> Float[Tensor, "b 3 h w"]:
        """Paint `batch_size` panoramas at a time, see `Outpainter.paint`."""
        size = (images.shape[-2], images.shape[-1])
        kept, painted = torch.where(known, images, 0.0), []
        for first in range(0, len(images), self.batch_size):
            part = slice(first, first + self.batch_size)
            painted.append(
                self._paint_batch(kept[part], known[part], environments[part], seeds[part])
            )
        return blend_known(kept, pg.resize(torch.cat(painted), size).to(images), known)

    def _paint_batch(
        self, images: Tensor, known: Tensor, environments: Sequence[str], seeds: Sequence[int]
    ) -> Tensor:
        kept = pg.resize(known.float(), self.size) > 0.999
        unknown = _grow((~kept).float(), self.erode_px)
        condition = self._make_condition(pg.resize(images, self.size), unknown)
        height, width = condition.shape[-2:]
        channels = self.pipe.vae.config.latent_channels
        noise = [
            torch.randn(channels, height, width, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
        start = torch.stack(noise).to(condition.device)
        prompts = [self.prompt.format(scene=SCENES[name]) for name in environments]
        return self.decode(self.denoise(start, condition, prompts))

    def denoise(
        self, start: Float[Tensor, "b c h w"], condition: Tensor, prompts: Sequence[str]
    ) -> Float[Tensor, "b c h w"]:
        """Run the scheduler from noise to a latent panorama.

        Args:
            start: Standard normal noise.
            condition: Latents of the masked picture, and the mask, 1 where unknown.
            prompts: One per panorama.
        """
        pipe, condition = self.pipe, pad_right(condition, self.overlap)
        latents = pad_right(start.float(), self.overlap)
        pipe.scheduler.set_timesteps(
            sigmas=np.linspace(1, 1 / self.steps, self.steps),
            mu=_shift(pipe.scheduler.config, start.shape[-2] * start.shape[-1] // 4),
            device=latents.device,
        )
        for step, time in enumerate(pipe.scheduler.timesteps):
            velocity = self._predict_velocity(
                torch.cat([latents.to(condition), condition], 1), time, prompts
            )
            latents = pipe.scheduler.step(velocity, time, latents, return_dict=False)[0]
            if step < self.agree_steps:
                latents = fade_seam(latents, self.overlap)
        return fade_seam(latents, self.overlap)[..., : start.shape[-1]]

    def decode(self, latents: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 k v"]:
        """Turn latents into pictures in [0, 1]."""
        vae = self.pipe.vae
        scaled = (latents / vae.config.scaling_factor + vae.config.shift_factor).to(vae.dtype)
        picture = apply_around(lambda z: vae.decode(z, return_dict=False)[0], scaled, self.overlap)
        return (picture.float() / 2 + 0.5).clamp(0, 1)

    def _make_condition(self, images: Tensor, unknown: Tensor) -> Tensor:
        vae, device = self.pipe.vae, self.pipe._execution_device
        masked = ((2 * images - 1) * (1 - unknown)).to(device, vae.dtype)
        factor = self.pipe.vae_scale_factor
        latents = apply_around(
            lambda x: vae.encode(x).latent_dist.mode(), masked, self.overlap * factor
        )
        latents = (latents - vae.config.shift_factor) * vae.config.scaling_factor
        return torch.cat([latents, pixel_unshuffle(unknown, factor).to(latents)], 1)

    def _predict_velocity(self, maps: Tensor, time: Tensor, prompts: Sequence[str]) -> Tensor:
        if self.true_cfg <= 1:
            return self._predict(maps, time, prompts)
        both = [*prompts, *([self.negative_prompt] * len(prompts))]
        wanted, unwanted = self._predict(torch.cat([maps, maps]), time, both).chunk(2)
        return unwanted + self.true_cfg * (wanted - unwanted)

    def _predict(self, maps: Tensor, time: Tensor, prompts: Sequence[str]) -> Tensor:
        transformer, (height, width) = self.pipe.transformer, maps.shape[-2:]
        texts, pooled, text_ids = zip(*(self._encode(prompt) for prompt in prompts), strict=True)
        guided = transformer.config.guidance_embeds
        full = maps.new_full((len(maps),), 1.0, dtype=torch.float32)
        (found,) = transformer(
            hidden_states=pixel_unshuffle(maps, 2).flatten(2).mT,
            timestep=(full * time / 1000).to(maps.dtype),
            guidance=full * self.guidance if guided else None,
            pooled_projections=torch.cat(pooled),
            encoder_hidden_states=torch.cat(texts),
            txt_ids=text_ids[0],
            img_ids=_token_places(height // 2, width // 2).to(maps),
            return_dict=False,
        )
        tokens = found.float().mT.unflatten(2, (height // 2, width // 2))
        return pixel_shuffle(tokens, 2)

    def _encode(self, prompt: str) -> tuple[Tensor, Tensor, Tensor]:
        if prompt not in self._texts:
            self._texts[prompt] = self.pipe.encode_prompt(
                prompt,
                None,
                device=self.pipe._execution_device,
                max_sequence_length=self.max_tokens,
            )
        return self._texts[prompt]


def _grow(unknown: Tensor, radius: int) -> Tensor:
    """Dilate a mask by squares, over the seam."""
    if not radius:
        return unknown
    return apply_around(lambda m: max_pool2d(m, 2 * radius + 1, 1, radius), unknown, radius)


def _shift(config: Any, tokens: int) -> float:
    """Return the shift of the noise schedule, linear in the number of image tokens."""
    few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    return float(low + (high - low) * (tokens - few) / (many - few))


def _token_places(rows: int, columns: int) -> Tensor:
    """Return the position of each token: 0, row, column."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([torch.zeros_like(row), row, column], -1).flatten(0, 1).float()


def _import_diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise MissingExtraError("FluxOutpainter", "diffusers", "outpaint") from error
    return diffusers
