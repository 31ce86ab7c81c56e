import json

import numpy as np
import pytest
import torch
from diffusers.pipelines.flux import pipeline_flux_fill

from pano_data.curation import FluxOutpainter
from pano_data.curation.outpaint import blend_known

from .tiny_flux import FACTOR, LATENT, write_lora, write_pipeline

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries about their own tiny models

H, W = 32, 64


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flux")
    write_pipeline(folder / "pipe")
    write_lora(folder / "lora", "image")
    return folder


@pytest.fixture(scope="module")
def build(folders):
    def painter(**options):
        tiny = {"lora": None, "size": (H, W), "steps": 2, "overlap": 2, "erode_px": 1}
        tiny |= {"max_tokens": 16, "dtype": "float32", "device": "cpu"}
        return FluxOutpainter(str(folders / "pipe"), **{**tiny, **options})

    return painter


@pytest.fixture(scope="module")
def painter(build):
    return build()


def pictures(count=1, height=H, width=W):
    images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    known = torch.zeros(count, 1, height, width, dtype=torch.bool)
    known[..., height // 4 : -height // 4, width // 3 : -width // 3] = True
    return images, known


def test_known_pixels_stay_and_the_rest_is_painted(painter):
    images, known = pictures(height=48, width=96)  # another size than it works at
    full = painter(images[0], known[0], "indoor", 3)
    assert full.shape == (3, 48, 96)
    assert torch.equal(full[:, known[0, 0]], images[0][:, known[0, 0]])
    assert 0 <= full.min() <= full.max() <= 1
    assert full[:, ~known[0, 0]].std() > 0.01


def test_unknown_pixels_are_not_read(painter):
    images, known = pictures()
    poisoned = torch.where(known, images, float("nan"))
    clean = painter(images[0], known[0], "indoor", 3)
    assert torch.equal(painter(poisoned[0], known[0], "indoor", 3), clean)


def test_a_panorama_depends_on_its_own_seed_not_on_its_batch(build, painter):
    images, known = pictures(3)
    together = build(batch_size=3).paint(images, known, ["indoor", "outdoor", "mixed"], [5, 6, 7])
    alone = painter(images[1], known[1], "outdoor", 6)
    torch.testing.assert_close(together[1], alone, atol=1e-5, rtol=0)
    assert (painter(images[1], known[1], "outdoor", 8) - alone).abs().max() > 0.01


def test_without_seam_and_negative_prompt_it_is_the_pipeline_of_diffusers(build, monkeypatch):
    painter = build(overlap=0, true_cfg=1.0, steps=3)
    images, known = pictures()
    # The pipeline draws the latents of the masked picture; ours are their mean.
    monkeypatch.setattr(
        pipeline_flux_fill, "retrieve_latents", lambda output, generator: output.latent_dist.mode()
    )
    start = torch.randn(
        1, LATENT, H // FACTOR, W // FACTOR, generator=torch.Generator().manual_seed(1)
    )
    prompt = painter.prompt.format(scene="a scene")
    condition = painter._make_condition(images, (~known).float())
    ours = painter.decode(painter.denoise(start, condition, [prompt]))
    theirs = painter.pipe(
        prompt=prompt,
        image=images,
        mask_image=(~known).float(),
        latents=painter.pipe._pack_latents(start, 1, *start.shape[1:]),
        height=H,
        width=W,
        num_inference_steps=3,
        guidance_scale=30.0,
        max_sequence_length=16,
        output_type="pt",
    ).images
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


def test_mask_latents_are_those_of_diffusers(build):
    painter = build(overlap=0)
    images, known = pictures()
    unknown = (~known).float()
    mask, _ = painter.pipe.prepare_mask_latents(
        unknown, images, 1, LATENT, 1, H, W, torch.float32, "cpu", torch.Generator()
    )
    ours = painter._make_condition(images, unknown)[:, LATENT:]
    packed = painter.pipe._pack_latents(ours, 1, FACTOR**2, H // FACTOR, W // FACTOR)
    torch.testing.assert_close(packed, mask)


def test_the_negative_prompt_counts_with_true_guidance_only(build):
    images, known = pictures()
    results = {
        (cfg, negative): build(true_cfg=cfg, negative_prompt=negative).paint(
            images, known, ["indoor"], [0]
        )
        for cfg in (1.0, 2.0)
        for negative in ("blur", "messy, noise")
    }
    assert torch.equal(results[1.0, "blur"], results[1.0, "messy, noise"])
    assert (results[2.0, "blur"] - results[2.0, "messy, noise"]).abs().max() > 1e-4


def test_the_environment_is_in_the_prompt(painter, monkeypatch):
    images, known = pictures()
    asked = []
    monkeypatch.setattr(
        painter, "denoise", lambda start, condition, prompts: asked.extend(prompts) or start
    )
    painter.paint(images.repeat(2, 1, 1, 1), known.repeat(2, 1, 1, 1), ["outdoor", "mixed"], [0, 1])
    assert asked[0].endswith("panoramic image of an outdoor scene")
    assert asked[1].endswith("panoramic image of a scene")


def test_the_lora_is_fused(build, folders, painter):
    tuned = build(lora=(str(folders / "lora"), "image", "lora.safetensors"))
    plain, changed = (dict(p.pipe.transformer.named_parameters()) for p in (painter, tuned))
    assert plain.keys() == changed.keys()  # no adapter is left beside the weights
    moved = [name for name in plain if not torch.equal(plain[name], changed[name])]
    assert moved
    assert all(".to_q." in name or ".to_k." in name for name in moved)


def test_the_decoder_leaves_no_border_at_the_seam(build):
    rows = torch.randn(1, LATENT, H // FACTOR, 1, generator=torch.Generator().manual_seed(2))
    latents = rows.expand(-1, -1, -1, W // FACTOR)  # the same all around
    spread = {n: build(overlap=n).decode(latents).detach().std(-1).max() for n in (0, 6)}
    assert spread[6] < 0.2 * spread[0]


def test_settings_are_json_and_name_what_decides(build):
    one, two = (json.dumps(build(steps=n).settings) for n in (2, 3))
    assert one != two
    assert one == json.dumps(build(steps=2, batch_size=4, offload=True).settings)


def test_raises(build, monkeypatch):
    with pytest.raises(ValueError, match="twice as wide"):
        build(size=(32, 32))
    with pytest.raises(ValueError, match="must be even"):
        build(overlap=3)
    with pytest.raises(ValueError, match="multiples of 4"):
        _ = build(size=(33, 66)).pipe
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(ImportError, match=r"pano-data\[outpaint\]"):
        build()


def test_blending_is_exact():
    image, painted = torch.zeros(2, 3, 2, 4), torch.full((2, 3, 2, 4), 2.0)
    known = torch.arange(16).reshape(2, 1, 2, 4) % 3 == 0
    found = blend_known(image, painted, known)
    np.testing.assert_array_equal(found.numpy(), (~known).expand(2, 3, 2, 4).float().numpy())
