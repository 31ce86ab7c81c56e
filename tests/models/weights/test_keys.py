import pytest

from pano_models.weights.keys import KeyMap, with_prefix

KEYS = KeyMap(
    (
        ("dino.mask_token", "unused.mask_token"),
        ("dino.blocks.#.ls#.gamma", "vit.blocks.#.gamma_#"),
        ("dino.*", "vit.*"),
        *with_prefix("head.", "", [("up.#.conv.*", "stage.#.merge.*")]),
    )
)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("dino.mask_token", "unused.mask_token"),
        ("dino.blocks.12.ls1.gamma", "vit.blocks.12.gamma_1"),
        ("dino.blocks.0.attn.qkv.weight", "vit.blocks.0.attn.qkv.weight"),
        ("head.up.2.conv.bias", "stage.2.merge.bias"),
    ],
)
def test_one_table_reads_both_ways(published, ours):
    assert KEYS.to_ours(published) == ours
    assert KEYS.to_published(ours) == published


@pytest.mark.parametrize("name", ["head.up.x.conv.bias", "dinoXmask_token", "optimizer.lr"])
def test_names_that_no_rule_knows(name):
    assert KEYS.to_ours(name) is None
