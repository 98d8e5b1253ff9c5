"""Hooks of MkDocs: pages from outside of docs/, generated parts, and the order of the pages."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import generated

ROOT = Path(__file__).parents[2]
# Pages outside of docs/, to their path in the site.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
ORDER = ["Home", "Tutorial", "How-to guides", "Reference", "Explanation", "Project"]
SECTIONS = {"how-to": "How-to guides"}  # directory to title, where they differ
_INSIDE = {page: path for path, page in OUTSIDE.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages from outside of docs/."""
    from mkdocs.structure.files import File

    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Fills in generated parts, and changes links in the repository to links in the site."""
    markdown = generated.fill(markdown)
    source = page.file.src_uri
    path = _INSIDE.get(source, f"docs/{source}")
    parts = _CODE.split(markdown)
    known = {file.src_uri for file in files}
    parts[::2] = [
        _LINK.sub(lambda link: _link(link, path, source, known), text) for text in parts[::2]
    ]
    return "".join(parts)


def on_nav(nav: Any, **_: Any) -> Any:
    """Titles the sections, and orders them by purpose."""
    for item in nav.items:
        if item.is_section:
            item.title = SECTIONS.get(item.title.lower().replace(" ", "-"), item.title.capitalize())
        elif item.file.src_uri == "index.md":
            item.title = "Home"
        elif item.file.src_uri == "tutorial.md":
            item.title = "Tutorial"
    places = {title: place for place, title in enumerate(ORDER)}
    nav.items.sort(key=lambda item: places.get(item.title, len(ORDER)))
    return nav


def _link(link: re.Match[str], path: str, source: str, known: set[str]) -> str:
    """Returns a link of the file `path` of the repository as one of the page `source`.

    Links to files that are not part of the site become text.
    """
    image, text, target, anchor = link[1], link[2], link[3], link[4] or ""
    if not target or "://" in target or target.startswith("mailto:"):
        return link[0]
    file = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not (ROOT / file).exists():
        return link[0]  # MkDocs warns
    page = OUTSIDE.get(file, file.removeprefix("docs/"))
    if page not in known:
        return text
    return f"{image}[{text}]({posixpath.relpath(page, posixpath.dirname(source) or '.')}{anchor})"
