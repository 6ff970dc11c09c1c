"""HTML and Markdown to the lines of an article and what the page says of itself.

Markdown is rendered to HTML, so that both go the same way: a tree without what a reader does not see, then its text
block by block. Nothing comes out that does not stand in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rag.errors import SourceError

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

Kind = Literal["html", "markdown"]

# Tags that begin and end a line, in HTML and in the tree that trafilatura makes of it.
BLOCKS = re.compile(
    "address|article|aside|blockquote|br|caption|d[dlt]|div|fig(caption|ure)|footer|h[1-6r]|head(er)?|item|lb|li|list|main"
    "|nav|[ou]l|p|pre|quote|row|section|t(able|body|foot|head|r)"
)
CELLS = frozenset(("cell", "td", "th"))
UNSEEN_TAGS = ("script", "style", "template", "noscript", "noembed", "noframes", "textarea", "iframe", "object")
UNSEEN_STYLE = re.compile(
    r"display:none|visibility:(hidden|collapse)|opacity:0(\.0*)?(;|!|$)|font-size:0(\.0*)?(px|pt|em|rem|%)?(;|!|$)"
    r"|(left|top|text-indent):-\d{3,}"
)
UPDATED = re.compile(r"modif|update", re.IGNORECASE)
# Where a page was saved from, as browsers write it at its top; the number counts the characters of the address.
SAVED_FROM = re.compile(r"<!-- saved from url=\(\d{4}\)(https?://[^\s<>]{1,2000}?) -->", re.IGNORECASE)
SAVED_FROM_WITHIN = 4096  # characters from the beginning

LINE_BREAK = "\v"  # inside preformatted text
LINE_NUMBER = "data-line"  # the attribute that carries a line number from the Markdown to the tree
LINE_NUMBER_VALUE = re.compile(r"\d{1,8}")

MAX_FRONT_MATTER_LINES = 100
FRONT_MATTER_KEYS = {
    "title": "title",
    "headline": "title",
    "author": "authors",
    "authors": "authors",
    "byline": "authors",
    "date": "published",
    "published": "published",
    "pubdate": "published",
    "publisher": "publisher",
    "source": "publisher",
    "site": "publisher",
    "url": "url",
    "link": "url",
    "canonical_url": "url",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds.

    Attributes:
        lines: (1-based line number, text); the number is that of a line of the Markdown, or of the text in the HTML.
        fields: title, publisher, published and url as they stand, and authors as a list.
        provenance: field name -> where it was read.
    """

    lines: list[tuple[int, str]]
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)


def read_page(kind: Kind, text: str) -> Page:
    """Read a page. Hostile ones take minutes or crash the parser: where that matters, go through `rag.ingest.sandbox`.

    Raises:
        SourceError: there is no article text in it.
    """
    page = _read_html(text) if kind == "html" else _read_markdown(text)
    if not page.lines:
        raise SourceError(f"no article text found in the {'HTML' if kind == 'html' else 'Markdown'}")
    return page


# HTML


def _read_html(text: str) -> Page:
    import logging

    from trafilatura import bare_extraction
    from trafilatura.settings import Document
    from trafilatura.utils import load_html

    for library in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    tree = load_html(text)
    if tree is None:
        return Page([])
    _drop_unseen(tree, keep=("script",))  # a script can hold the metadata
    _drop_dates_of_updates(tree)
    document = bare_extraction(
        tree,
        favor_precision=True,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={"extensive_search": False, "original_date": True},  # no guessing at dates in the text
    )
    if not isinstance(document, Document):
        return Page([])
    fields: dict[str, str | list[str]] = {
        name: value
        for name, value in (
            ("title", document.title),
            ("publisher", document.sitename),
            ("published", document.date),
            ("url", document.url),
        )
        if value
    }
    if document.author:
        fields["authors"] = document.author.split("; ")
    provenance = dict.fromkeys(fields, "html metadata")
    if "url" not in fields and (saved := SAVED_FROM.search(text[:SAVED_FROM_WITHIN])):
        fields["url"], provenance["url"] = saved[1], "saved page"
    lines = [(number, line) for number, (_, line) in enumerate(_lines(document.body), start=1)]
    return Page(lines, fields, provenance)


def _drop_unseen(tree: HtmlElement, keep: tuple[str, ...] = ()) -> None:
    """Remove what a browser does not show, as far as the element itself says so."""
    for element in list(tree.iter()):
        if element.getparent() is not None and element.tag not in keep and _unseen(element):
            element.drop_tree()


def _unseen(element: HtmlElement) -> bool:
    if element.tag in UNSEEN_TAGS or "hidden" in element.attrib:
        return True
    style = element.get("style")
    return bool(style and element.tag != "body" and UNSEEN_STYLE.search(re.sub(r"\s+|/\*.*?\*/", "", style.lower())))


def _drop_dates_of_updates(tree: HtmlElement) -> None:
    """Remove the dates of later versions, which would be taken for the publish date where that is missing."""
    for element in list(tree.iter("meta", "time")):
        names = (element.get(name, "") for name in ("property", "name", "itemprop", "class"))
        if UPDATED.search(" ".join(names)):
            element.drop_tree()


def _lines(root: HtmlElement) -> Iterator[tuple[int, str]]:
    """Yield (line number in the source where known, text) for every block of text, without recursion."""
    from lxml.etree import iterwalk  # type: ignore[import-untyped]

    number = 1
    parts: list[str] = []
    for event, element in iterwalk(root, events=("start", "end")):
        if BLOCKS.fullmatch(element.tag) or element is root:
            for line in "".join(parts).split(LINE_BREAK):
                if text := " ".join(line.split()):
                    yield number, text
                number += 1
            parts.clear()
        if event == "start":
            given = element.get(LINE_NUMBER, "")
            number = int(given) if LINE_NUMBER_VALUE.fullmatch(given) else number
            text = element.text or ""
            parts.append(text.replace("\n", LINE_BREAK) if element.tag == "code" else text)
        else:
            parts += (" " if element.tag in CELLS else "", element.tail or "")


# Markdown


def _read_markdown(text: str) -> Page:
    from lxml.html import HTMLParser, fromstring
    from markdown_it import MarkdownIt

    fields, text = _front_matter(text)
    provenance = dict.fromkeys(fields, "front matter")
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    for token in tokens:
        if token.map and token.nesting >= 0:
            token.attrSet(LINE_NUMBER, str(token.map[0] + (2 if token.type == "fence" else 1)))
    html = parser.renderer.render(tokens, parser.options, {})
    tree = fromstring(f"<div>{html}</div>", parser=HTMLParser(remove_comments=True, remove_pis=True))
    _drop_unseen(tree)
    heading = tree.find(".//h1")
    if heading is not None and "title" not in fields and (title := " ".join(heading.text_content().split())):
        fields["title"], provenance["title"] = title, "heading"
    return Page(list(_lines(tree)), fields, provenance)


def _front_matter(text: str) -> tuple[dict[str, str | list[str]], str]:
    """Read the `key: value` lines between `---` at the top; return the known ones, and the text with those lines blank.

    This is as much of YAML as articles use: plain and quoted values, and lists on one line or one `- value` a line.
    """
    lines = text.split("\n")
    end = next((n for n, line in enumerate(lines[:MAX_FRONT_MATTER_LINES]) if n and line.rstrip() in ("---", "...")), 0)
    if lines[0].rstrip() != "---" or not end:
        return {}, text
    given: dict[str, list[str]] = {}
    key = ""
    for line in lines[1:end]:
        name, colon, value = line.partition(":")
        if line.lstrip().startswith("- "):
            given.setdefault(key, []).append(_unquoted(line.lstrip()[2:]))
        elif colon and line[0] not in " \t#":
            key = name.strip().lower()
            value = value.strip()
            listed = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
            given[key] = [_unquoted(item) for item in listed]
    fields: dict[str, str | list[str]] = {}
    for key, values in given.items():
        if (name := FRONT_MATTER_KEYS.get(key, "")) and (values := [value for value in values if value]):
            fields.setdefault(name, values if name == "authors" else values[0])
    return fields, "\n".join([""] * (end + 1) + lines[end + 1 :])


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
