"""Suites: their counts are checked, and agree with what data sets say of themselves."""

from pathlib import Path

import pytest

import pano_losses
from experiments.benchmark.suites import catalogue as suites
from experiments.benchmark.suites.catalogue import SUITES, SuiteDataset, SuiteError
from pano_data import datasets
from pano_data.errors import DatasetNotFoundError
from tests.experiments.benchmark.conftest import ROOMS
from tests.experiments.tiny import ROOT


def test_what_suites_name_exists() -> None:
    for suite in SUITES.values():
        assert set(suite.protocols) <= set(pano_losses.protocols)
        assert {r.dataset for r in suite.published.rows} == {p.dataset for p in suite.datasets}
        for part in suite.datasets:
            spec = datasets.get(part.dataset)
            assert part.split in spec.splits
            assert spec.counts.get(part.split, part.expected) == part.expected


def test_another_count_is_refused_unless_partial(raw: Path, tmp_path: Path) -> None:
    part, root = SuiteDataset("stanford2d3d", "test", 373), tmp_path
    (root / "stanford2d3d").symlink_to(raw)
    with pytest.raises(SuiteError, match=f"got {ROOMS} images, expected 373.*--partial"):
        part.rows(root, partial=False)
    rows = part.rows(root, partial=True)
    assert rows is not None
    assert len(rows) == ROOMS
    exact = SuiteDataset("stanford2d3d", "test", ROOMS).rows(root, partial=False)
    assert exact == rows


def test_an_absent_data_set(tmp_path: Path) -> None:
    part = SuiteDataset("deep360", "test", 600)
    assert part.rows(tmp_path, partial=True) is None
    with pytest.raises(DatasetNotFoundError, match="deep360"):
        part.rows(tmp_path, partial=False)


def test_the_list_of_a_project(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "stanford2d3d").symlink_to(raw)
    rows = SuiteDataset("stanford2d3d", "test", ROOMS).rows(tmp_path, partial=False)
    assert rows is not None
    (raw / "two.txt").write_text("".join(f"{row.image} {row.depth}\n" for row in rows[:2]))
    listed = SuiteDataset("stanford2d3d", "test", 2, list_file="two.txt").rows(
        tmp_path, partial=False
    )
    (raw / "two.txt").unlink()
    assert listed is not None
    assert [row.key for row in listed] == [row.key for row in rows[:2]]


def test_unknown_suite() -> None:
    with pytest.raises(
        SuiteError, match=r"'da2_tabel1' \(is da2_table1 meant\?\), expected one of"
    ):
        suites.get("da2_tabel1")


def test_the_page_lists_every_suite_as_it_is() -> None:
    lines = (ROOT / "docs/evaluation.md").read_text().splitlines()
    for name, suite in SUITES.items():
        [line] = [line for line in lines if line.startswith(f"| `{name}` |")]
        if "the same" not in line:
            assert all(f"`{protocol}`" in line for protocol in suite.protocols)
        if "as `" not in line:
            assert all(f"`{p.dataset}` {p.split} ({p.expected}" in line for p in suite.datasets)
