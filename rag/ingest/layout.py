"""Undo the layout of a text: lines wrapped at a fixed width, words cut at line ends, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

CUTS_JOINED = "words cut at line ends joined"
ROWS_LABELLED = "table rows carry their headings"

WRAP_WIDTHS = range(40, 101)  # characters of the longest line in a text that is wrapped at a fixed width
COLUMN_WIDTHS = range(15, 141)  # where words are cut at line ends: such a text is wrapped, however narrow
MIN_WRAPPED_LINES = 5
MIN_CUT_LINES = 2

NumberedLine = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a source.

    Attributes:
        number: from 1.
        text: white space collapsed; empty between paragraphs.
    """

    number: int
    text: str


# Words cut at line ends

_CUT_END = re.compile(r"[^\W\d_][-\u2010\xad¬]\Z")
_SURE_MARKS = "\xad¬"  # a soft hyphen, and what old programs print for it: never part of a compound
_WORDS = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LETTERS = re.compile(r"[^\W\d_]+")
# "two- and three-year terms": the hyphen stands for the rest of the compound.
_SUSPENDED = frozenset("and or nor to und oder et ou y o og och eller".split())
_PREFIXES = frozenset("all anti ex half high long low mid non part post pre self semi short vice well".split())
MIN_PIECES = 2  # of a cut word
MAX_PIECES = 4  # over as many lines; more are no word, and would take quadratic time
MIN_COMPOUND_CHARS = 3  # of each half of a compound


def words_of(text: str) -> frozenset[str]:
    """Return the words and the compounds of a text in lower case."""
    return frozenset(_WORDS.findall(text.casefold()))


def join_cut_words(lines: Sequence[NumberedLine]) -> tuple[list[NumberedLine], frozenset[int]]:
    """Move the second half of each cut word up to its first half; return the lines, and the numbers of those that grew.

    A word is cut where a line ends in a hyphen and the next begins in lower case. The hyphen stays when the text has
    the compound elsewhere, or when both halves are English words and the whole is not ("short-term").
    """
    cuts = {
        number
        for (number, line), (_, after) in pairwise(lines)
        if _CUT_END.search(line.rstrip()[-2:]) and after.lstrip()[:1].islower()
    }
    if not cuts:
        return list(lines), frozenset()
    words = words_of("\n".join(line for _, line in lines))
    joined: list[NumberedLine] = []
    grown: set[int] = set()
    pieces = MIN_PIECES
    open_line = -1  # the number of the last line, when it ends in a cut word
    for number, line in lines:
        text = line
        if open_line >= 0:
            head, _, text = line.strip().partition(" ")
            before, before_text = joined[-1]
            first = (_LETTERS.match(head) or [head])[0]
            if first.casefold() in _SUSPENDED:
                text = line
            else:
                joined[-1] = before, _joined(before_text.rstrip(), head, first, words)
                grown.add(before)
        open_line = number if number in cuts and text else -1
        if text or not line.strip():
            joined.append((number, text))
        elif number in cuts and pieces < MAX_PIECES:  # the line was one piece of a word that is cut again
            open_line = joined[-1][0]
            pieces += 1
            continue
        pieces = MIN_PIECES
    return joined, frozenset(grown)


def _joined(left: str, right: str, head: str, words: frozenset[str]) -> str:
    stem, mark = left[:-1], left[-1]
    last = stem.rsplit(None, 1)[-1]
    tail = (_LETTERS.findall(last) or [last])[-1]
    cut = mark in _SURE_MARKS or _is_cut(tail.casefold(), head.casefold(), words)
    return f"{stem}{'' if cut else '-'}{right}"


def _is_cut(tail: str, head: str, words: frozenset[str]) -> bool:
    """Return whether two halves are one word, and not the parts of a compound."""
    if tail + head in words:
        return True
    if f"{tail}-{head}" in words:
        return False
    english = _english_words()
    if tail + head in english:
        return True
    both = tail in english and head in english and min(len(tail), len(head)) >= MIN_COMPOUND_CHARS
    return not both and tail not in _PREFIXES


@cache
def _english_words() -> frozenset[str]:
    """Return the words that the tokenizer of the embedded encoder knows; none when that is not installed."""
    from rag.errors import ConfigError
    from rag.models.minilm import embedded_folder

    try:
        return frozenset((embedded_folder() / "vocab.txt").read_text(encoding="utf-8").split())
    except (ConfigError, OSError):
        return frozenset()


# Lines


def unwrap(lines: Sequence[Line], cut: frozenset[int]) -> list[Line]:
    """Join the lines of paragraphs that are wrapped at a fixed width, as in wire copy; leave other text as it is.

    A line is full when the first word of the next line does not fit on it, or when its last word was cut; `cut` has
    the numbers of those. A wrapped text differs from a list: most of its lines are full, and many of the lines after a
    full one begin in lower case.
    """
    width = max((len(line.text) for line in lines if " " in line.text and line.number not in cut), default=0)
    if width not in (COLUMN_WIDTHS if cut else WRAP_WIDTHS):
        return list(lines)
    breaks = [(line, after) for line, after in pairwise(lines) if line.text and after.text]
    full = {
        line
        for line, after in breaks
        if line.number in cut or len(line.text) + 1 + len(after.text.split(" ", 1)[0]) > width
    }
    runs_on = [after for line, after in breaks if line in full and after.text[0].islower()]
    least = MIN_CUT_LINES if cut else MIN_WRAPPED_LINES
    if len(full) < max(least, len(breaks) * 2 / 3) or len(runs_on) < len(full) / 2:
        full = {line for line in full if line.number in cut}
    joined: list[Line] = []
    for before, line in pairwise([Line(0, ""), *lines]):
        if before in full and line.text:
            joined[-1] = Line(joined[-1].number, f"{joined[-1].text} {line.text}")
        else:
            joined.append(line)
    return joined


# Tables

_NUMBER = re.compile(r"[-+−–]?[$€£]?\d[\d.,  ]*%?", re.ASCII)
_YEAR = re.compile(r"(1[5-9]|2[01])\d\d")
_GAP = re.compile(r" {2,}|\t+")
_PIPE_RULE = re.compile(r"\|?[\s|:-]*-[\s|:-]*\|?")
_COUNTED = frozenset("against aye ayes for nay nays no yes won lost drawn played abstained absent".split())
MAX_HEADING_CHARS = 60
MIN_CELLS = 2
MIN_ALIGNED_CELLS = 3  # of a row whose columns are divided by spaces
MIN_ALIGNED_ROWS = 3


def label_rows(rows: Sequence[Sequence[str]]) -> list[str] | None:
    """Return the rows below the headings, each as a line in which every value has its heading behind it.

    "Tved 61 points, 44 goals". Return None when the first row has no headings.
    """
    if len(rows) < MIN_CELLS:
        return None
    headings, *body = [[" ".join(cell.split()) for cell in row] for row in rows]
    titles = [heading for heading in headings[1:] if heading]
    if (
        len(headings) < MIN_CELLS
        or len(titles) != len(headings) - 1
        or len(set(headings)) != len(headings)
        or any(len(heading) > MAX_HEADING_CHARS for heading in headings)
        or any(_NUMBER.fullmatch(heading) and not _YEAR.fullmatch(heading) for heading in titles)
    ):
        return None
    return [_labelled(headings, row) for row in body]


def _has_number(row: Sequence[str]) -> bool:
    return any(_NUMBER.fullmatch(cell) for cell in row[1:])


def _labelled(headings: Sequence[str], row: Sequence[str]) -> str:
    if len(row) != len(headings):
        return " ".join(filter(None, row))
    values = [f"{cell} {_behind(heading, cell)}" for heading, cell in zip(headings[1:], row[1:], strict=True) if cell]
    return f"{row[0]} {', '.join(values)}".strip()


def _behind(heading: str, cell: str) -> str:
    """Return a heading as it stands behind its value: "44 goals", "1912 (Founded)"."""
    last = heading.rsplit(None, 1)[-1].casefold()
    counts = last in _COUNTED or (last.endswith("s") and not last.endswith("ss") and last.isalpha())
    if _NUMBER.fullmatch(cell) and counts:
        return heading if heading.isupper() else heading[0].lower() + heading[1:]
    return f"({heading})"


def label_text_tables(lines: Sequence[NumberedLine]) -> tuple[list[NumberedLine], list[NumberedLine]]:
    """Give the rows of every table in a text their headings; return the lines, and the lines of headings and rules."""
    out: list[NumberedLine] = []
    headings: list[NumberedLine] = []
    for block in _blocks(lines):
        rows = [_cells(line) for _, line in block]
        ruled = [_PIPE_RULE.fullmatch(line.strip()) is not None for _, line in block]
        body = [row for row, rule in zip(rows, ruled, strict=True) if not rule]
        labelled = label_rows(body) if _is_table(block, body) else None
        if labelled is None:
            out += block
            continue
        numbers = [number for (number, _), rule in zip(block, ruled, strict=True) if not rule]
        headings += [line for line, rule in zip(block, ruled, strict=True) if rule or line[0] == numbers[0]]
        out += zip(numbers[1:], labelled, strict=True)
    return out, headings


def _cells(line: str) -> list[str]:
    line = line.strip()
    if line.startswith("|"):
        return [cell.strip() for cell in line.strip("|").split("|")]
    return [cell.strip() for cell in (line.split("\t") if "\t" in line else _GAP.split(line))]


def _kind(line: str) -> str:
    """Return what divides the columns of a line, if anything can."""
    stripped = line.strip()
    if stripped.startswith("|") and stripped.endswith("|") and len(stripped) > 1:
        return "|"
    return "\t" if "\t" in stripped else " " if "  " in stripped else ""


def _blocks(lines: Sequence[NumberedLine]) -> Iterator[list[NumberedLine]]:
    """Yield runs of lines whose columns are divided alike; lines without columns together."""
    block: list[NumberedLine] = []
    shape: tuple[str, int] | None = None
    for numbered in lines:
        kind = _kind(numbered[1])
        new = (kind, len(_cells(numbered[1])) if kind in ("\t", " ") else 0)
        if block and new != shape:
            yield block
            block = []
        block.append(numbered)
        shape = new
    if block:
        yield block


def _is_table(block: Sequence[NumberedLine], rows: Sequence[Sequence[str]]) -> bool:
    kind = _kind(block[0][1])
    if not kind or not rows or len({len(row) for row in rows}) > 1:
        return False
    if kind == " ":
        aligned = len(rows) >= MIN_ALIGNED_ROWS and len(rows[0]) >= MIN_ALIGNED_CELLS
        return aligned and all(map(_has_number, rows[1:]))
    if kind == "\t" and len(rows[0]) == MIN_CELLS:
        return len(rows) > MIN_CELLS and all(map(_has_number, rows[1:]))
    return len(rows[0]) >= MIN_CELLS and (len(rows[0]) > MIN_CELLS or len(block) > len(rows))
