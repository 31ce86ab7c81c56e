"""A tiny random FluxFillPipeline and LoRA on disk, as the hub would hold them."""

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxFillPipeline,
    FluxTransformer2DModel,
)
from peft import LoraConfig, get_peft_model_state_dict
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz,-"
LATENT, FACTOR = 4, 2  # channels, pixels a latent pixel


def autoencoder():
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=LATENT,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1,
        scaling_factor=0.4,
    )


def transformer():
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * (2 * LATENT + FACTOR**2),
        out_channels=4 * LATENT,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )


def texts():
    clip = CLIPTextConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    t5 = T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    names = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{c}</w>" for c in LETTERS)]
    words = {name: number for number, name in enumerate(names)}
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), ("▁", -2.0)]
    return {
        "text_encoder": CLIPTextModel(clip),
        "text_encoder_2": T5EncoderModel(t5),
        "tokenizer": CLIPTokenizer(vocab=words, merges=[], model_max_length=77),
        "tokenizer_2": T5TokenizerFast(vocab=pieces + [(c, -3.0) for c in LETTERS], extra_ids=0),
    }


def write_pipeline(folder):
    torch.manual_seed(0)
    pipe = FluxFillPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(),
        transformer=transformer(),
        **texts(),
    )
    pipe.save_pretrained(folder)


def write_lora(folder, subfolder):
    torch.manual_seed(1)
    network = transformer()
    config = LoraConfig(r=2, target_modules=["to_q", "to_k"], init_lora_weights=False)
    network.add_adapter(config)
    FluxFillPipeline.save_lora_weights(
        folder / subfolder,
        transformer_lora_layers=get_peft_model_state_dict(network),
        weight_name="lora.safetensors",
    )
