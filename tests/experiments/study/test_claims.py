"""The committed file of claims: complete, spelt right at every scale, true to the papers."""

import math
from pathlib import Path

import pytest

from experiments.pipeline import params
from experiments.study.__main__ import main
from experiments.study.check import check_keys, check_study
from experiments.study.claims import FILE, ClaimsError, Published, read_study
from experiments.study.values import values_of

ROOT = Path(__file__).parents[3]
STUDY = read_study()
TERMS = ("model", "init_args", "loss", "init_args", "terms")


def test_there_are_fifteen_of_three_papers() -> None:
    assert len(STUDY.claims) == 15
    papers = [c.paper for c in STUDY.claims.values()]
    assert {p: papers.count(p) for p in papers} == {"DA²": 4, "DAP": 6, "Depth Anywhere": 5}
    assert sum(c.margin is not None for c in STUDY.claims.values()) == 2
    assert {a for c in STUDY.claims.values() for a in c.all_arms} == set(STUDY.arms)


def test_every_override_is_spelt_right_at_every_scale() -> None:
    check_study(STUDY, ROOT)


@pytest.mark.parametrize(
    ("section", "over", "message"),
    [
        ("da2", {"trainer": {"max_stepz": 1}}, "da2.trainer.max_stepz"),
        ("da2", {"data": {"train": {"hypersym": {"weight": 0.0}}}}, "da2.data.train.hypersym"),
        ("da2", {"model": {"init_args": {"ratez": {}}}}, "ratez"),
        ("da2", {"model": {"init_args": {"net": {"init_args": {"widht": 3}}}}}, "widht"),
        ("da2", {"model": {"init_args": {"net": {"class_path": "pano_models.DA3"}}}}, "DA3"),
        ("da2_curate", {"outpaintr": None}, "da2_curate.outpaintr"),
        ("dap_curate", {"sed": 1}, "dap_curate.sed"),
        ("worlds", {"hypersim": {"surounding": [1, 2]}}, "worlds.hypersim.surounding"),
    ],
)
def test_a_misspelt_key_is_named(section: str, over: dict, message: str) -> None:
    base = params.merged(
        params.section("common", ROOT / "params.yaml"),
        params.section(section, ROOT / "params.yaml"),
    )
    with pytest.raises(ClaimsError, match=message):
        check_keys(over, base, section)


def resolved(arm: str, section: str, scale: str = "default", seed: int = 3) -> dict:
    values = values_of(STUDY, STUDY.scale(scale), STUDY.arms[arm], seed, ROOT)
    return params.resolved(values, section)


def test_arms_change_what_they_say() -> None:
    net = resolved("da2_no_sphere", "da2")["model"]["init_args"]["net"]
    assert net["class_path"].endswith("DA2WithoutSphere")
    assert net["init_args"] == resolved("da2", "da2")["model"]["init_args"]["net"]["init_args"]
    assert resolved("da2_black", "da2_curate_vkitti2")["outpainter"] is None
    assert resolved("da2_oracle", "da2_curate_vkitti2")["outpainter"]["class_path"].endswith(
        "OracleOutpainter"
    )

    def terms(arm: str, section: str) -> dict:
        node = resolved(arm, section)
        for key in TERMS:
            node = node[key]
        return node

    assert "normal" not in terms("da2_no_normal", "da2")
    assert set(terms("dap_silog", "dap_labeler")) == {"silog", "mask"}
    assert set(terms("dap_geometry", "dap_labeler")) == set(terms("dap", "dap_labeler")) - {"grad"}
    for student in ("unifuse", "bifuse_plus", "hohonet", "egformer"):
        section = f"depth_anywhere_{student}"
        assert set(terms(f"{student}_labelled", section)) == {"labelled"}
        assert resolved(f"{student}_labelled", section)["data"]["unlabelled"] is None


def test_a_seed_reaches_all_that_is_random() -> None:
    assert resolved("dap_selected", "common")["seed_everything"] == 3
    assert resolved("dap_selected", "common")["data"]["seed"] == 3
    assert resolved("dap_random", "dap_curate")["seed"] == 3
    assert resolved("da2", "da2_curate_hypersim")["seed"] == 3
    assert resolved("unifuse", "depth_anywhere_unifuse")["model"]["init_args"]["seed"] == 3


def test_arms_of_depth_anywhere_see_equally_many_labelled_panoramas() -> None:
    for scale, count in (("default", 2), ("long", 2), ("paper", 3)):
        for arm in (a for a in STUDY.arms.values() if a.section == "depth_anywhere_unifuse"):
            data = resolved(arm.name, arm.section, scale)["data"]
            parts = 1 + (data["ratio"] if data["unlabelled"] else 0)
            assert data["batch_size"] / parts == count, (scale, arm.name)


def test_effects_of_the_papers() -> None:
    claims = STUDY.claims
    [painted] = claims["da2_outpainting"].contrasts.values()
    assert claims["da2_outpainting"].published.effect(painted) == pytest.approx(
        math.log(6.62 / 7.59)
    )
    distortion = claims["dap_distortion"]
    by_hand = (math.log(0.1149 / 0.1166) + math.log(0.0926 / 0.0942)) / 2
    [contrast] = distortion.contrasts.values()
    assert distortion.published.effect(contrast) == pytest.approx(by_hand)
    for claim in claims.values():  # each claim is what its paper's numbers say
        for contrast in claim.contrasts.values():
            value = claim.published.effect(contrast)
            assert (value is None) == (not claim.published.columns)
            if value is not None:
                assert abs(value) < claim.margin if claim.margin else value < 0


def test_a_trend_is_a_slope() -> None:
    [slope] = STUDY.claims["da2_scaling"].contrasts.values()
    falling = {arm: math.exp(-0.03 * i) for i, arm in enumerate(slope)}
    assert Published("made up", {"x": falling}).effect(slope) == pytest.approx(-0.03, rel=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("finding: Out-painting", "findng: Out-painting", "claims.da2_outpainting.*findng"),
        ("{da2: 1.0, da2_black: -1.0}", "{da2: 1.0, da2_balck: -1.0}", "da2_balck"),
        ("{da2: 1.0, da2_black: -1.0}", "{da2: 1.0, da2_black: -0.5}", "add up to 0.5"),
        ("name: cube_edge_ratio", "name: cube_edge_ration", "cube_edge_ration"),
        ("scales: [default, direction, long]", "scales: [default, lang]", "lang"),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = FILE.read_text()
    assert old in text
    path = tmp_path / "claims.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ClaimsError, match=message):
        read_study(path)


def test_what_is_asked_for_in_vain() -> None:
    with pytest.raises(ClaimsError, match="da2_spere"):
        STUDY.chosen(["da2_spere"])
    with pytest.raises(ClaimsError, match="huge"):
        STUDY.scale("huge")
    assert [c.name for c in STUDY.chosen(["faces"])] == ["faces"]
    assert "da2_oracle" not in [a.name for a in STUDY.arms_of(STUDY.claims.values(), "paper")]


def test_an_unknown_arm_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["status", "--claims", "faces", "--arms", "unifuse,da2", "--root", str(tmp_path)]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told == "error: got --arms da2, expected some of unifuse, unifuse_stitched\n"


def test_some_arms_of_a_claim(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["status", "--claims", "pseudo_labels", "--arms", "unifuse,unifuse_labelled"]
    assert main([*arguments, "--seeds", "2", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("of 4 runs are done\n")
