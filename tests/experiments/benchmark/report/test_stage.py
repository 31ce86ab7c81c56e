import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from experiments.benchmark.report.figures import style
from experiments.benchmark.report.results import UnlabelledNumberError, read_results
from experiments.benchmark.report.stage import report
from tests.experiments.benchmark.scored import metrics, write_cost, write_result

ROOT = Path(__file__).parents[4]
VOID = {"meta", "img", "link", "br", "input", "wbr"}


class Page(HTMLParser):
    """What a browser would load, the links, and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.targets, self.ids, self.open = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.loads += [v for k, v in attrs if k in ("src", "srcset", "data", "poster")]
        self.targets += [attributes["href"]] if "href" in attributes else []
        self.ids |= {attributes.get("id")}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "reports"
    per_image = {("rooms", "da2_paper"): [0.1, 0.2, 0.3]}
    write_result(root / "scores", "ours", {"rooms": {"da2_paper": metrics(0.2)}}, per_image)
    write_result(root / "scores", "<b>other", {"rooms": {"da2_paper": metrics(0.4)}})
    write_cost(root, ["ours"])
    gallery = root / "gallery"
    gallery.mkdir()
    names = {"picture": "p.jpg", "truth": "t.jpg", "ours": "o.jpg"}
    for name in names.values():
        Image.new("RGB", (8, 4)).save(gallery / name)
    entry = {
        "key": "room_1",
        "near_m": 0.5,
        "far_m": 4.0,
        "median_m": 2.0,
        "tiles": names,
        "scores": {"ours": {"protocol": "da2_paper", "absrel": 0.123}},
    }
    (gallery / "index.json").write_text(json.dumps({"rooms": [entry]}))
    suites = root / "suites"
    suites.mkdir()
    row = {
        "system": "DA²",
        "source": "published",
        "dataset": "stanford2d3d",
        "protocol": "da2_paper",
        "metrics": {"absrel": 0.0723},
    }
    (suites / "da2_table1.json").write_text(
        json.dumps({"suite": "da2_table1", "title": "t", "source": "s", "rows": [row]})
    )
    return root


MODELS = ["ours", "<b>other"]


def test_the_page_loads_nothing_and_is_well_formed(folder):
    report(MODELS)
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert len(page.loads) >= 8
    assert all(source.startswith("data:image/") for source in page.loads)
    assert not re.search(r"@import|url\(|<script", text)
    assert all(t.startswith("#") and t[1:] in page.ids for t in page.targets)


def test_what_scrolls_sideways_is_reached_by_keyboard_and_is_no_landmark():
    page = (ROOT / "experiments/benchmark/report/page.html").read_text()
    boxes = re.findall(r'<div class="(?:scroll|grid)"[^>]*>', page)
    assert len(boxes) == 4
    assert all('tabindex="0" role="group" aria-label="' in box for box in boxes)


def test_the_page_holds_every_part(folder):
    report(MODELS)
    text = (folder / "report.html").read_text()
    for part in ("0.2000", "0.4000", "0.0723", "0.123", "1.23", "room_1", "seam and poles"):
        assert part in text
    assert "<b>other" not in text
    assert "&lt;b&gt;other" in text
    assert (folder / "figures" / "latitude_rooms.png").stat().st_size > 1000


def test_markdown_holds_the_same_numbers_and_the_overview_is_printed(folder, capsys):
    report(MODELS, protocol="da2_paper")
    text = (folder / "leaderboard.md").read_text()
    for part in ("0.2000", "0.0723", "1.23", "0.1132", "## rooms · all protocols"):
        assert part in text
    printed = capsys.readouterr().out
    assert "| ours | **0.200** |" in printed
    assert "rooms: Best network: ours, AbsRel 0.200. Next: <b>other." in printed
    assert printed.count("\n") < 20


def test_the_page_starts_with_the_verdict_and_a_picture_of_the_best(folder):
    report(MODELS, protocol="da2_paper")
    text = (folder / "report.html").read_text()
    first = text[text.index('id="verdict"') : text.index("<nav>")]
    assert "Best network: ours, AbsRel 0.200" in first
    assert first.count("<figure>") == 3
    assert "<b>other" not in first
    assert "&lt;b&gt;other" in first


def test_a_protocol_without_scores_is_said(folder, capsys):
    report(MODELS)
    assert 'id="verdict"' not in (folder / "report.html").read_text()
    assert "No network has an AbsRel under depth_anywhere_released" in capsys.readouterr().out


def test_what_was_scored_and_is_not_shown_is_named(folder, capsys):
    report(MODELS)
    assert "not named" not in capsys.readouterr().out
    write_result(folder / "scores", "stranger", {"rooms": {"da2_paper": metrics(0.1)}})
    report(MODELS)
    assert "scored, but not named in report.models: stranger" in capsys.readouterr().out


def test_the_same_results_make_the_same_bytes(folder):
    report(MODELS)
    first = (folder / "report.html").read_bytes()
    (folder / ".report.0123abcd.part.html").write_text("half")  # of a killed process
    report(MODELS)
    assert (folder / "report.html").read_bytes() == first
    assert list(folder.glob(".*.part*")) == []


def test_scores_alone_are_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_result(tmp_path / "reports/scores", "ours", {"rooms": {"da2_paper": metrics(0.2)}})
    report(["ours"])
    text = (tmp_path / "reports" / "report.html").read_text()
    assert "Near to far" not in text
    assert "0.2000" in text


def test_a_number_without_a_protocol_leaves_no_page(folder):
    write_result(folder / "scores", "stranger", {"rooms": {"unknown": metrics(0.1)}})
    with pytest.raises(UnlabelledNumberError, match="stranger"):
        report([*MODELS, "stranger"])
    assert not (folder / "report.html").exists()


def test_models_look_different(folder):
    results = [replace(read_results(folder / "scores" / "ours"), model=str(i)) for i in range(20)]
    looks = [(look["color"], look["marker"]) for look in style(results).values()]
    assert len(set(looks)) == 20


def test_ablations_that_were_run_are_shown_with_the_printed_curve(folder):
    key = "val/stanford2d3d/da2_paper/absrel"
    (folder / "ablations.json").write_text(json.dumps({"da2": {"full": {key: [0.2, 0.4246]}}}))
    report(MODELS)
    text = (folder / "report.html").read_text()
    Page(text)
    assert "da2_table2 · DA², what each curated set adds" in text
    assert 'alt="DA², Figure 2"' in text
    line = next(t for t in (folder / "leaderboard.md").read_text().splitlines() if "0.3123" in t)
    assert line == "| full | – | 0.3123 | – | – | – | da2_paper | ours |"


def test_each_model_has_a_short_file_for_dvc_metrics(folder):
    (folder.parent / "metrics").mkdir()
    (folder.parent / "metrics/gone.json").write_text("{}")
    report(MODELS, protocol="da2_paper")
    found = {p.stem: json.loads(p.read_text()) for p in (folder.parent / "metrics").iterdir()}
    assert found == {"ours": {"rooms": 0.2}, "<b>other": {"rooms": 0.4}}
    report(["ours"], protocol="dap_metric")
    assert [p.name for p in (folder.parent / "metrics").iterdir()] == ["ours.json"]
    assert json.loads((folder.parent / "metrics/ours.json").read_text()) == {}


def test_the_metrics_that_are_committed_fit_a_terminal():
    rows = {p: json.loads(p.read_text()) for p in sorted((ROOT / "metrics").glob("*.json"))}
    assert len(rows) > 5
    columns = sorted({name for row in rows.values() for name in row})
    width = max(len(f"metrics/{p.name}") for p in rows) + sum(max(len(c), 7) + 4 for c in columns)
    assert width <= 100
    for row in rows.values():
        assert set(row) == set(columns)
        assert all(0 < value < 1 for value in row.values())
