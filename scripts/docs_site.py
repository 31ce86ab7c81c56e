"""Hooks of mkdocs.yml: pages from outside of docs/, and links that hold in repository and site.

READMEs of packages and papers, the changelog and its like stand where a reader of the repository
looks for them; the site shows the same files. Links are written for the repository; here each
becomes the link of the site, or plain text where it leads to source code and no `repo_url` is
configured.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPO = Path(__file__).parents[1]
PACKAGES = ("geometry", "losses", "models", "data", "worlds", "panodepth")
PAPERS = ("da2", "dap", "depth_anywhere")
OUTSIDE = {
    **{f"packages/{name}/README.md": f"packages/{name}.md" for name in PACKAGES},
    **{f"experiments/{name}/README.md": f"experiments/{name}.md" for name in PAPERS},
    **{f"{name}.md": f"{name.lower()}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")},
}
"""File of the repository -> page of the site."""

_SOURCES = {page: source for source, page in OUTSIDE.items()}
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_LIST = re.compile(r"^((?![*-] |\d+\. |[#|\s]).+\n)(?=[*-] |1\. )", re.MULTILINE)
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_OPTION = re.compile(r"<code>(-[^<\s]{1,40})</code>")
_ELSEWHERE = re.compile(r"^(?:[a-z]+:|#|//)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(REPO / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of the repository into links of the site, and lines with `*` into lists.

    A list needs an empty line above it in Python-Markdown, and none where repositories are shown;
    a bar in code in a table needs a backslash there, which would be shown here.
    """
    here = page.file.src_uri

    def of_site(text: str) -> str:
        text = _ROW.sub(lambda row: _CODE.sub(lambda m: m[0].replace(r"\|", "|"), row[0]), text)
        return _LINK.sub(lambda match: _link(match, here, config), _LIST.sub(r"\1\n", text))

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else of_site(part) for part in parts)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep options of a command line in one piece: a line may break behind a hyphen."""
    return _OPTION.sub(r'<code class="option">\1</code>', html)


def _link(match: re.Match[str], here: str, config: MkDocsConfig) -> str:
    mark, text, target = match.groups()
    if _ELSEWHERE.match(target):
        return match[0]
    path, _, anchor = target.partition("#")
    source = _SOURCES.get(here, f"docs/{here}")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    page = site_page(place)
    if page is not None:
        relative = posixpath.relpath(page, posixpath.dirname(here) or ".")
        return f"{mark}[{text}]({relative}{'#' + anchor if anchor else ''})"
    if not (REPO / place).exists():
        raise PluginError(f"{source} links to {target}: there is no {place} in the repository")
    if mark:
        raise PluginError(f"{source} shows {target}, which is not under docs/: move it there")
    if config.repo_url:
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{place})"
    return text if "`" in text else f"`{text}`" if "/" in text or "." in text else text


def site_page(place: str) -> str | None:
    """Return the page or file of the site for a path of the repository, None if it has none."""
    for candidate in (place, f"{place}/README.md"):
        if candidate in OUTSIDE:
            return OUTSIDE[candidate]
        if candidate.startswith("docs/") and (REPO / candidate).is_file():
            return candidate.removeprefix("docs/")
    return None
