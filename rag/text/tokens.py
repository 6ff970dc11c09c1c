"""Split a text into words, and give each word the key by which it is compared: normalised and stemmed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"(?:[A-Za-z]\.){2,}|\d+(?:[.,]\d+)*|[^\W\d_]+(?:[’'][^\W\d_]+)*|%")
_STOP = frozenset(
    """a about above after again against all also am an and any are as at be because been before being below between
    both but by can cannot could did do does doing done down during each either else ever few for from further get
    gets getting got had has have having he her here hers herself him himself his how i if in into is it its itself
    just let like made make makes many may me might more most much must my myself no nor not now of off on once only
    or other our ours ourselves out over own per please same shall she should so some such tell than that the their
    theirs them themselves then there these they this those through to too under until up upon us very was we were
    what when where whether which while who whom whose why will with within without would yet you your yours
    yourself going go goes went give gives given according d ll m re s t ve didn doesn don isn wasn weren hasn haven
    couldn wouldn shouldn won aren show exactly currently right anything something anyone someone""".split()
)
# Words for what people and articles say. An answer need not repeat them.
SAYING = frozenset(
    """say said says saying tell told comment commented remark remarked mention mentioned state stated describe
    described think thinks thought believe believes view views opinion stance position respond responded response
    react reaction quote quoted talk talked argue argued explain explained claim claimed express expressed
    article articles archive report reports reported reporting source sources news story stories coverage""".split()
)
# Words that only ask: "what happened in Washington", "give me an overview of the talks". Articles do not use them.
ASKING = frozenset(
    """happen happens happened happening occur occurs occurred know knows knew known summarize summarise summarized
    summarised summary overview detail details info information update updates latest recap explainer timeline
    chronology quotes quotation quotations""".split()
)
# Words of degree: "how close", "is it likely". The question asks for the degree, so an answer need not repeat the word.
GRADED = frozenset(
    """close near likely unlikely possible probable soon big large important serious ready far good bad high low great
    confident optimistic pessimistic upbeat hopeful certain sure true real strong weak""".split()
)
_SAME = {
    "u.s": "united-states", "us": "united-states", "usa": "united-states", "u.s.a": "united-states",
    "america": "united-states", "american": "united-states", "americans": "united-states",
    "uk": "united-kingdom", "u.k": "united-kingdom", "britain": "united-kingdom", "british": "united-kingdom",
    "canadian": "canada", "canadians": "canada", "mexican": "mexico", "mexicans": "mexico",
    "%": "percent", "pct": "percent", "automotive": "auto", "autos": "auto", "automobile": "auto",
    "automobiles": "auto",
    "eu": "european-union", "un": "united-nations", "pm": "prime-minister",
}  # fmt: skip
_PAIRS = {
    ("united", "states"): "united-states", ("united", "kingdom"): "united-kingdom", ("per", "cent"): "percent",
    ("european", "union"): "european-union", ("united", "nations"): "united-nations",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    Attributes:
        start: its first character.
        end: the character after its last one.
        key: its normalised stem; two words count as the same when their keys are equal.
        capitalised: whether it begins with a capital letter.
        number: whether it begins with a digit.
        content: whether it carries content, unlike "the", "of" or "will".
    """

    start: int
    end: int
    key: str
    capitalised: bool
    number: bool
    content: bool


def words(text: str) -> list[Word]:
    """Return every word of a text in order."""
    return list(_words(text))


@lru_cache(maxsize=4096)  # passages, titles and sentences; without it a question takes a third longer
def _words(text: str) -> tuple[Word, ...]:
    found: list[Word] = []
    matches = list(_WORD.finditer(text))
    skip = False
    for here, after in zip(matches, [*matches, None][1:], strict=True):
        if skip:
            skip = False
            continue
        raw = here.group()
        pair = after and _PAIRS.get((raw.lower(), after.group().lower()))
        if after is not None and pair:
            found.append(Word(here.start(), after.end(), pair, raw[0].isupper(), False, True))
            skip = True
        else:
            found.append(Word(here.start(), here.end(), *_read(raw)))
    return tuple(found)


def _read(raw: str) -> tuple[str, bool, bool, bool]:
    """Return what does not depend on the place of a word: key, capitalised, number, content."""
    lower = raw.lower().replace("’", "'")
    lower = re.sub(r"'(?:s|re|ve|ll|d|m|t)$", "", lower).rstrip(".")
    number = raw[0].isdigit()
    if lower == "us" and not raw.isupper():
        return "us", False, False, False
    key = _SAME.get(lower) or (lower.replace(",", "") if number else stem(lower))
    if lower.endswith("ly") and key == stem(lower[:-2]):
        key += "-ly"  # "watched closely" does not say "close"
    content = key == "united-states" or (lower not in _STOP and (len(lower) > 1 or number or raw == "%"))
    return key, raw[0].isupper(), number, content


def stem(word: str) -> str:
    """Return the Snowball English stem of a lower-case word."""
    found: str = _stemmer().stemWord(word)
    return found


@lru_cache(maxsize=1)
def _stemmer() -> Any:  # the library ships no types
    import Stemmer

    return Stemmer.Stemmer("english")


def keys(text: str) -> frozenset[str]:
    """Return the keys of the content words of a text."""
    return frozenset(word.key for word in words(text) if word.content)
