"""The page says what was found, and what was not."""

import math
from pathlib import Path

import numpy as np
import pytest

from experiments.study.claims import read_study
from experiments.study.page import write
from experiments.study.page.content import arm_rows, interval, p_value, percent
from experiments.study.page.pictures import limit, marks
from experiments.study.page.write import write_page
from experiments.study.results import Place, image_scores
from experiments.study.verdict import judge
from tests.experiments.study.scored import ROOT, default_runs, published_effects, write_scores

STUDY = read_study()
RUNS = default_runs()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Markdown and HTML of a study of which four claims were run."""
    folder = tmp_path_factory.mktemp("pages")
    place = Place(folder / "study")
    some = {k: r for k, r in RUNS.items() if k[0].startswith("da2")}
    effects = {**published_effects(STUDY), "da2_no_sphere": -0.4}
    write_scores(STUDY, place, some, effects)
    out = folder / "docs/study.md"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "largest_difference", lambda *_: None)  # no weights were trained
        write_page(STUDY, STUDY.scale("default"), place, out, ROOT)
    assert (out.parent / "study_forest.png").read_bytes().startswith(b"\x89PNG")
    return out.read_text(), (place.root / "study.html").read_text()


def test_markdown_has_every_claim_and_the_count(pages: tuple[str, str]) -> None:
    text, _ = pages
    assert "3 confirmed, 1 contradicted, 0 undecided, 11 not run." in text
    for claim in STUDY.claims.values():
        assert f"`{claim.name}`" in text
        assert claim.finding in text
    row = next(line for line in text.splitlines() if line.startswith("| `da2_outpainting`"))
    assert "-12.8 %" in row  # ln(6.62 / 7.59)
    assert "5 of 5" in row
    assert "`da2_sphere`: not examined yet" in text
    assert "not photographs" in text


def test_the_arms_have_their_own_table_for_each_paper(tmp_path: Path) -> None:
    place = Place(tmp_path)
    claims = [c for c in STUDY.claims.values() if c.paper == "DA²"]
    arms = ("da2", "da2_black")
    some = {(a, s): r for (a, s), r in RUNS.items() if a in arms and (a, s) != ("da2_black", 5)}
    write_scores(STUDY, place, some, published_effects(STUDY))
    rows = {row.arm: row for row in arm_rows(claims, RUNS, place)}
    assert set(rows) == set(arms)
    assert (rows["da2"].seeds, rows["da2_black"].seeds) == (5, 4)
    assert rows["da2_black"].published == {"mean": 7.59}
    claim = STUDY.claims["da2_outpainting"]
    for dataset in claim.test:
        of_seeds = [
            image_scores(place.scores(RUNS["da2_black", seed]), dataset, claim).mean()
            for seed in (1, 2, 3, 4)
        ]
        mean, spread = rows["da2_black"].errors[dataset]
        assert mean == pytest.approx(np.mean(of_seeds))
        assert spread == pytest.approx(np.std(of_seeds, ddof=1))


def test_markdown_has_the_arms_of_each_paper(pages: tuple[str, str]) -> None:
    text, _ = pages
    part = text[text.index("## The arms") : text.index("## What each claim says")]
    (row,) = [line for line in part.splitlines() if line.startswith("| `da2_black`")]
    assert row.startswith("| `da2_black` | absrel (da2_paper) | 5 | ")
    assert row.endswith(" | mean 7.59 |")
    assert "DAP: no arm has been run." in part
    head = next(line for line in part.splitlines() if line.startswith("| arm"))
    assert head.count("|") == row.count("|")


def test_html_has_a_row_that_opens_its_runs(pages: tuple[str, str]) -> None:
    _, text = pages
    assert text.count('<details class="row"') == 15
    body = text[text.index('id="da2_normal"') : text.index('id="dap_distortion"')]
    assert body.count("train_da2-") == 10  # two arms, five seeds
    assert "confirmed" in body
    assert "http" not in text.replace("http-equiv", "")  # nothing is fetched


def test_effects_are_told_in_percent() -> None:
    assert percent(math.log(0.9)) == "-10.0 %"
    assert percent(None) == interval(None) == "–"
    assert (p_value(0.0004), p_value(0.0123), p_value(1.0)) == ("< .001", ".012", "1")


def test_marks_lie_where_the_axis_says(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_scores(STUDY, place, RUNS, published_effects(STUDY))
    found = judge(STUDY, RUNS, place)
    width = limit(found)
    for verdict in found:
        for mark, finding in zip(marks(verdict, width), verdict.findings, strict=False):
            assert finding.ours is not None
            assert mark.value == pytest.approx(50 + 50 * finding.ours.value / width)
            assert mark.low is not None
            assert mark.high is not None
            assert 0 <= mark.low < mark.value < mark.high <= 100
