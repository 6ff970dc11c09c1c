"""Read HTML and Markdown: the lines of the article, and the metadata of the page.

Markdown is rendered to HTML first, so that both follow the same steps: parse a tree, drop the elements that a browser
does not show, and read the text block by block. Every line that comes out is in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rag.errors import SourceError

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

Kind = Literal["html", "markdown"]

# Tags that begin and end a line, in HTML and in trafilatura's tree.
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
# Browsers write the address of a saved page at its top; the number counts the characters of the address.
SAVED_FROM = re.compile(r"<!-- saved from url=\(\d{4}\)(https?://[^\s<>]{1,2000}?) -->", re.IGNORECASE)
SAVED_FROM_WITHIN = 4096  # characters from the beginning

LINE_BREAK = "\v"  # inside preformatted text
LINE_NUMBER = "data-line"  # the attribute that carries a line number of the Markdown into the tree
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
    """The content of a page.

    Attributes:
        lines: (line number from 1, text); the number counts lines of the Markdown, or of the text in the HTML.
        fields: title, publisher, published and url as the page gives them, and authors as a list.
        provenance: field name -> where it was read.
    """

    lines: list[tuple[int, str]]
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)


def read_page(kind: Kind, text: str) -> Page:
    """Read a page. A hostile page can take minutes or crash the parser: use `rag.ingest.sandbox` for foreign pages.

    Raises:
        SourceError: the page holds no article text.
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
        date_extraction_params={"extensive_search": False, "original_date": True},  # no dates from the text
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
    """Remove the elements that hide themselves by their tag, attribute or style."""
    for element in list(tree.iter()):
        if element.getparent() is not None and element.tag not in keep and _unseen(element):
            element.drop_tree()


def _unseen(element: HtmlElement) -> bool:
    if element.tag in UNSEEN_TAGS or "hidden" in element.attrib:
        return True
    style = element.get("style")
    return bool(style and element.tag != "body" and UNSEEN_STYLE.search(re.sub(r"\s+|/\*.*?\*/", "", style.lower())))


def _drop_dates_of_updates(tree: HtmlElement) -> None:
    """Remove the dates of later versions: without a publish date, trafilatura would return one of them."""
    for element in list(tree.iter("meta", "time")):
        names = (element.get(name, "") for name in ("property", "name", "itemprop", "class"))
        if UPDATED.search(" ".join(names)):
            element.drop_tree()


def _lines(root: HtmlElement) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) for every block of text, without recursion."""
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
    """Read the `key: value` lines between `---` at the top; return the known fields, and the text with those blank.

    This is the part of YAML that articles use: plain and quoted values, and lists on one line or one `- value` a line.
    """
    lines = text.split("\n")
    end = next((n for n, line in enumerate(lines[:MAX_FRONT_MATTER_LINES]) if n and line.rstrip() in ("---", "...")), 0)
    if lines[0].rstrip() != "---" or not end:
        return {}, text
    fields: dict[str, str | list[str]] = {}
    for key, values in _yaml(lines[1:end]).items():
        filled = [value for value in values if value]
        if filled and (name := FRONT_MATTER_KEYS.get(key, "")):
            fields.setdefault(name, filled if name == "authors" else filled[0])
    return fields, "\n".join([""] * (end + 1) + lines[end + 1 :])


def _yaml(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return key -> values."""
    values: dict[str, list[str]] = {}
    key = ""
    for line in lines:
        name, colon, value = map(str.strip, line.partition(":"))
        if line.lstrip().startswith("- "):
            values.setdefault(key, []).append(_unquoted(line.lstrip()[2:]))
        elif colon and line[0] not in " \t#":
            key = name.lower()
            listed = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
            values[key] = [_unquoted(item) for item in listed]
    return values


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
