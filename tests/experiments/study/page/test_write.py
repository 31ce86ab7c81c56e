"""The page says what was found, and what was not."""

import math
from pathlib import Path

import pytest

from experiments.study.claims import read_study
from experiments.study.page import write
from experiments.study.page.content import interval, p_value, percent
from experiments.study.page.pictures import limit, marks
from experiments.study.page.write import write_page
from experiments.study.results import StudyStore
from experiments.study.verdict import judge
from tests.experiments.study.scored import ROOT, default_runs, published_effects, write_scores

STUDY = read_study()
RUNS = default_runs()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Markdown and HTML of a study of which four claims were run."""
    folder = tmp_path_factory.mktemp("pages")
    store = StudyStore(folder / "study")
    some = {k: r for k, r in RUNS.items() if k[0].startswith("da2")}
    effects = {**published_effects(STUDY), "da2_no_sphere": -0.4}
    write_scores(STUDY, store, some, effects)
    out = folder / "docs/study.md"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "largest_difference", lambda *_: None)  # no weights were trained
        write_page(STUDY, STUDY.scale("default"), store, out, ROOT)
    assert (out.parent / "study_forest.png").read_bytes().startswith(b"\x89PNG")
    return out.read_text(), (store.root / "study.html").read_text()


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
    store = StudyStore(tmp_path)
    write_scores(STUDY, store, RUNS, published_effects(STUDY))
    found = judge(STUDY, RUNS, store)
    width = limit(found)
    for verdict in found:
        for mark, finding in zip(marks(verdict, width), verdict.findings, strict=False):
            assert finding.ours is not None
            assert mark.value == pytest.approx(50 + 50 * finding.ours.value / width)
            assert mark.low is not None
            assert mark.high is not None
            assert 0 <= mark.low < mark.value < mark.high <= 100
