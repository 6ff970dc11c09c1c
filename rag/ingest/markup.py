"""Read HTML and Markdown: the lines of the article, and the metadata of the page.

Markdown is rendered to HTML first, so that both follow the same steps: parse a tree, drop the elements that a browser
does not show, and read the text block by block. Every line that comes out is in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rag.errors import SourceError
from rag.ingest.layout import CUTS_JOINED, ROWS_LABELLED, join_cut_words, label_rows
from rag.ingest.metadata import front_matter, without_marks
from rag.ingest.publish_dates import UPDATE, date_line, iso_date

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

Kind = Literal["html", "markdown", "fragment"]
RemovedLine = tuple[int, str, str]

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

PUBLISHED = re.compile(r"(?:first |originally )?(?:published|posted)\b", re.IGNORECASE)
MAX_DATE_LINE_CHARS = 150
MAX_DATE_LINE_CHILDREN = 8
MONTHS_OF_YEAR = 12

LINE_BREAK = "\v"  # inside preformatted text
LINE_NUMBER = "data-line"  # the attribute that carries a line number of the Markdown into the tree
LINE_NUMBER_VALUE = re.compile(r"\d{1,8}")

# What a page lays over or around an article names itself by its class or id. Each goes only when its words fit as well:
# some pages give the whole article such a class.
MAX_BOX_CHARS = 6000
BOXES = (
    (
        "cookie notice",
        "cookie|consent|gdpr|ccpa|onetrust|privacy",
        r"cookies?\b|consent|privacy|\bpartners\b",
        MAX_BOX_CHARS,
    ),
    (
        "subscription offer",
        "paywall|subscri|regwall|meter|piano|premium|upsell",
        r"subscri|log ?in|sign ?(?:in|up)|free articles|register|unlimited|trial",
        600,
    ),
    ("newsletter", "newsletter|signup|sign-up|email-?form|mailing", r"newsletter|sign up|subscri|inbox|e-?mail", 600),
    ("related", "related|recommend|read-?more|more-?from|outbrain|taboola|most-?read|trending", r"", 1500),
    ("comment form", "comment-?form|respond\\b|disqus", r"", 1500),
    ("share bar", "share-?(?:bar|buttons|tools|links)|social-?(?:share|links|bar)|addtoany|sharethis", r"", 300),
)
_BOXES = [(r, re.compile(f"(?<![a-z])(?:{n})", re.IGNORECASE), re.compile(w, re.IGNORECASE), m) for r, n, w, m in BOXES]
BOX_TAGS = frozenset("aside dialog div footer form li nav ol p section span ul".split())
MAX_HEADING_ROW_SPAN = 20


@dataclass(frozen=True, slots=True)
class Page:
    """The content of a page.

    Attributes:
        lines: (line number from 1, text); the number counts lines of the Markdown, or of the text in the HTML.
        fields: title, publisher, published and url as the page gives them, and authors as a list.
        provenance: field name -> where it was read.
        removed: (line number, text, reason) of what was taken out here.
        notes: what was changed in the text beside what was removed.
    """

    lines: list[tuple[int, str]]
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    removed: list[RemovedLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_page(kind: Kind, text: str) -> Page:
    """Read a page. A hostile page can take minutes or crash the parser: use `rag.ingest.sandbox` for foreign pages.

    Raises:
        SourceError: the page holds no article text.
    """
    page = {"html": _read_html, "markdown": _read_markdown, "fragment": _read_fragment}[kind](text)
    if not page.lines:
        raise SourceError(f"no article text found in the {'Markdown' if kind == 'markdown' else 'HTML'}")
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
    removed = _drop_boxes(tree)
    _drop_dates_of_updates(tree)
    _drop_uncertain_dates(tree)
    written = _date_lines(tree)
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
            ("published", _publish_date(document.date, text, written)),
            ("url", document.url),
        )
        if value
    }
    if document.author:
        fields["authors"] = document.author.split("; ")
    provenance = dict.fromkeys(fields, "html metadata")
    if "url" not in fields and (saved := SAVED_FROM.search(text[:SAVED_FROM_WITHIN])):
        fields["url"], provenance["url"] = saved[1], "saved page"
    notes, headings = _label_tables(document.body)
    lines = [(number, line) for number, (_, line) in enumerate(_lines(document.body, notes), start=1)]
    return Page(lines, fields, provenance, [(1, *one) for one in removed + headings], notes)


def _read_fragment(text: str) -> Page:
    """Read HTML that is the text of an article and nothing else, as feeds and interfaces give it."""
    from lxml.html import HTMLParser, fromstring

    tree = fromstring(f"<div>{text}</div>", parser=HTMLParser(remove_comments=True, remove_pis=True))
    _drop_unseen(tree)
    notes, headings = _label_tables(tree)
    lines = [(number, line) for number, (_, line) in enumerate(_lines(tree, notes), start=1)]
    return Page(lines, removed=[(1, *one) for one in headings], notes=notes)


def _drop_boxes(tree: HtmlElement) -> list[tuple[str, str]]:
    """Remove consent boxes, subscription offers and the like; return (text, reason) of each."""
    removed = []
    for element in list(tree.iter(*BOX_TAGS)):
        names = f"{element.get('id', '')} {element.get('class', '')}"
        if names == " " or not (found := [box for box in _BOXES if box[1].search(names)]):
            continue
        if element.getparent() is None or element.find(".//article") is not None or element.find(".//h1") is not None:
            continue
        text = " ".join(element.text_content().split())
        for reason, _, words, most in found:
            if len(text) <= most and words.search(text):
                element.drop_tree()
                removed += [(text, reason)] if text else []
                break
    return removed


def _drop_uncertain_dates(tree: HtmlElement) -> None:
    """Remove the dates in figures alone ("05/12/2024"): trafilatura would guess which number is the month."""
    for element in list(tree.iter("meta", "time")):
        for name in ("content", "datetime"):
            if re.fullmatch(r"\s*\d\d?[/.-]\d\d?[/.-]\d{2,4}\b.{0,40}", element.get(name, "")[:100]):
                if day := iso_date(element.get(name).strip()):
                    element.set(name, day)
                else:
                    element.drop_tree()
                break


def _date_lines(tree: HtmlElement) -> tuple[list[str], list[str]]:
    """Return the publish dates on lines of their own, and the lines of updates."""
    published, updated = [], []
    for element in tree.iter("p", "div", "span", "time", "li", "small"):
        text = " ".join((element.text_content() if len(element) < MAX_DATE_LINE_CHILDREN else "").split())
        found = date_line(text) if len(text) <= MAX_DATE_LINE_CHARS else None
        if found and found.published and (element.tag == "time" or UPDATE.search(text) or re.match(PUBLISHED, text)):
            published.append(found.published)
        if UPDATE.search(text[:MAX_DATE_LINE_CHARS]):
            updated.append(text[:MAX_DATE_LINE_CHARS])
    return published, updated


def _publish_date(found: str | None, text: str, written: tuple[list[str], list[str]]) -> str | None:
    """Return the date that trafilatura found, unless the page has it only as an update or in figures that are unclear.

    Without one, return the date of a line such as "Published 12 May 2024".
    """
    published, updated = written
    if found and not _is_guess(found, text) and (found in published or not _in_updates(found, updated, text)):
        return found
    return published[0] if published else None


def _is_guess(day: str, text: str) -> bool:
    """Return whether a page writes a date in figures alone, and either number can be the month."""
    year, month, of_month = day[:10].split("-")
    figures = [(month, of_month), (of_month, month)]
    unclear = int(of_month) <= MONTHS_OF_YEAR and of_month != month
    pattern = "|".join(f"0?{int(a)}[/.-]0?{int(b)}[/.-]{year}" for a, b in figures)
    clear = rf"{year}[/.-]?{month}[/.-]?{of_month}|{year}/{int(month)}/{int(of_month)}"
    names = re.finditer(
        rf"\b{int(of_month)}\w{{0,2}},? [A-Z][a-z]{{2,8}},? {year}|[A-Z][a-z]{{2,8}} 0?{int(of_month)},? {year}", text
    )
    named = any(iso_date(match[0]) == day[:10] for match in names)
    return unclear and bool(re.search(pattern, text)) and not re.search(clear, text) and not named


def _in_updates(day: str, updated: list[str], text: str) -> bool:
    """Return whether only the lines of updates have a date."""
    if day in text or day.replace("-", "/") in text or day.replace("-", "") in text:
        return False
    return any((found := date_line(line)) is not None and found.published is None for line in updated)


def _label_tables(tree: HtmlElement) -> tuple[list[str], list[tuple[str, str]]]:
    """Give the rows of every table their headings; return the notes, and the rows of headings with the reason."""
    headings = []
    for table in list(tree.iter("table")):
        rows = [row for row in table.iter("tr", "row") if next(row.iterancestors("table"), None) is table]
        cells = [_cells(row) for row in rows]
        filled = [(row, texts) for row, texts in zip(rows, cells, strict=True) if any(texts)]
        labelled = label_rows([texts for _, texts in filled]) if table.find(".//table") is None else None
        if labelled is None:
            continue
        (first, texts), *body = filled
        headings.append((" ".join(filter(None, texts)), "table headings"))
        for (row, _), line in zip([(first, texts), *body], ["", *labelled], strict=True):
            number = next((cell.get(LINE_NUMBER) for cell in row.iter() if cell.get(LINE_NUMBER)), None)
            for cell in list(row):
                row.remove(cell)
            row.text = line
            if number:
                row.set(LINE_NUMBER, number)
    return ([ROWS_LABELLED] if headings else []), headings


def _cells(row: HtmlElement) -> list[str]:
    texts = []
    for cell in row.iter("td", "th", "cell"):
        given = cell.get("colspan", "1")
        span = min(int(given), MAX_HEADING_ROW_SPAN) if given.isascii() and given.isdecimal() else 1
        texts += [" ".join(" ".join(cell.itertext()).split())] + [""] * (span - 1)
    return texts


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


def _lines(root: HtmlElement, notes: list[str]) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) for every block of text, without recursion; note it when cut words are joined."""
    from lxml.etree import iterwalk  # type: ignore[import-untyped]

    number = 1
    parts: list[str] = []
    for event, element in iterwalk(root, events=("start", "end")):
        if BLOCKS.fullmatch(element.tag) or element is root:
            block = "".join(parts)
            if "-\n" in block or "\xad" in block:
                cut_lines, cut = join_cut_words(list(enumerate(block.split("\n"))))
                block = "\n".join(line for _, line in cut_lines)
                notes += [CUTS_JOINED] if cut and CUTS_JOINED not in notes else []
            for line in block.split(LINE_BREAK):
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

    fields, text = front_matter(text)
    text, removed, listed = without_marks(text)
    fields = {**listed, **fields}
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
    notes, headings = _label_tables(tree)
    removed += [(1, *one) for one in headings]
    return Page(list(_lines(tree, notes)), fields, provenance, removed, notes)
