"""The site builds strictly, loads nothing from elsewhere, and names everything that is public."""

import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
API = ROOT / "docs/api"
PACKAGES = {
    "panodepth": "panodepth",
    "pano_geometry": "geometry",
    "pano_losses": "losses",
    "pano_models": "models",
    "pano_data": "data",
    "pano_worlds": "worlds",
}
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
FIGURE_BYTES = 140_000


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loads, self.leads, self.anchors = [], [], set()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag in LOADED and found.get(LOADED[tag]):
            self.loads.append(found[LOADED[tag]])
        if tag == "a" and found.get("href"):
            self.leads.append(found["href"])
        self.anchors |= {found[k] for k in ("id", "name") if found.get(k)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="`uv sync` installs it (dependency group dev)")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {}
    for path in folder.rglob("*.html"):
        pages[path] = _Links()
        pages[path].feed(path.read_text())
    return folder, pages


def test_nothing_is_loaded_from_another_host(site):
    folder, pages = site
    assert len(pages) > 60
    loaded = {link for page in pages.values() for link in page.loads}
    assert {link for link in loaded if urlsplit(link).netloc} == set()
    styles = "".join(path.read_text() for path in folder.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//", styles) == []


def test_every_link_inside_the_site_leads_somewhere(site):
    _, pages = site
    dead = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.leads + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                parts.fragment and target in pages and parts.fragment not in pages[target].anchors
            ):
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_code_is_shown_as_it_is_typed(site):
    _, pages = site
    cells = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
    for path in pages:
        text = path.read_text()
        escaped = [cell for cell in cells.findall(text) if re.search(r"<code>[^<]*\\\|", cell)]
        assert escaped == [], path.name
        assert re.findall(r"<code>--[^<\s]+</code>", text) == [], path.name  # may break


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_on_the_api_page(package):
    module = importlib.import_module(package)
    public = {*(getattr(module, "__all__", None) or module._HOMES)} - {"__version__"}
    page = (API / f"{PACKAGES[package]}.md").read_text()
    names = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    told = Counter(name.rpartition(".")[2] for name in names)
    assert set(told) >= public, f"not on the page: {sorted(public - set(told))}"
    assert max(told.values()) == 1
    for name in names:
        home, _, attribute = name.rpartition(".")
        found = getattr(importlib.import_module(home), attribute, None)
        assert found is not None, name


def test_figures_are_small():
    figures = [p for p in (ROOT / "docs/figures").rglob("*") if p.is_file()]
    assert len(figures) >= 6
    assert {p.name: p.stat().st_size for p in figures if p.stat().st_size > FIGURE_BYTES} == {}
