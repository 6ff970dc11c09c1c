"""Does one sentence deny what the other says, or say the opposite? By lists of English words, so only what is plain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from rag.text.tokens import stem, words

_TITLE = (
    r"(?P<title>president|prime minister|minister|premier|chancellor|secretary|governor|senator|mayor|ambassador|"
    r"director|chair(?:man|woman)?|chief executive|king|queen|pope|judge|captain|coach)"
)
_NAME = r"(?P<name>[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*)"
_TITLED = re.compile(rf"\b(?i:{_TITLE}) {_NAME}")  # "U.S. President Donald Trump"
_NAMED = re.compile(
    rf"{_NAME}(?:,| is| was| becomes?| became| as)(?: the| a| an| its)?(?: [\w’'.-]+){{0,2}}? (?i:{_TITLE})\b"
)
REACH = 4  # words: so far behind a denial stands what it denies
_DENIALS = frozenset(
    """not no never none nobody nothing neither nor without cannot deny denied denies refuse refused refuses fail failed
    fails lack lacks lacked unlikely impossible false""".split()
)
OPPOSITES = tuple(
    (pair.split("/")[0], pair.split("/")[1])
    for pair in """rise/fall increase/decrease increase/reduce gain/lose win/lose up/down more/less more/fewer
    higher/lower high/low above/below over/under before/after first/last open/close start/end begin/end accept/reject
    support/oppose allow/ban buy/sell arrive/leave alive/dead guilty/innocent male/female man/woman son/daughter
    father/mother brother/sister husband/wife north/south east/west left/right old/young good/bad better/worse
    best/worst success/failure true/false early/late import/export agree/disagree pass/fail grow/shrink add/remove
    hire/fire enter/exit strong/weak large/small big/small long/short hot/cold raise/lower raise/cut increase/cut
    approve/reject confirm/deny praise/criticise praise/criticize""".split()
)


def contradicts(sentence: str, evidence: str) -> bool:
    """Whether they speak against each other.

    One of them denies a word that the other has and does not deny, has the opposite of a word instead, or gives a title
    to somebody while the other gives it to others only.
    """
    here, there = _keys(sentence), _keys(evidence)
    denied_here, denied_there = _denied(sentence), _denied(evidence)
    if (denied_here ^ denied_there) & here & there:
        return True
    if _held_by_others(sentence, evidence):
        return True
    return any(_instead(a, b, here, there) or _instead(b, a, here, there) for a, b in _opposite_keys())


def _instead(one: str, other: str, here: frozenset[str], there: frozenset[str]) -> bool:
    return one in here and other in there and one not in there and other not in here


def _held_by_others(sentence: str, evidence: str) -> bool:
    here, there = _holders(sentence), _holders(evidence)
    return any(title in there and not (here[title] & there[title]) for title in here)


def _holders(text: str) -> dict[str, frozenset[str]]:
    """Title -> the last words of the names of those who have it."""
    found: dict[str, frozenset[str]] = {}
    for match in (*_TITLED.finditer(text), *_NAMED.finditer(text)):
        title, name = match["title"].lower(), match["name"].split()[-1]
        found[title] = found.get(title, frozenset()) | {re.sub(r"[’']s?$", "", name)}
    return found


def _keys(text: str) -> frozenset[str]:
    return frozenset(word.key for word in words(text))


def _denied(text: str) -> frozenset[str]:
    """The keys of the first content word behind each denial."""
    found = words(text)
    denials = (i for i, word in enumerate(found) if _is_denial(text[word.start : word.end]))
    behind: Iterable[list[str]] = ([w.key for w in found[i + 1 : i + 1 + REACH] if w.content] for i in denials)
    return frozenset(keys[0] for keys in behind if keys)


def _is_denial(word: str) -> bool:
    lower = word.lower().replace("’", "'")
    return lower in _DENIALS or lower.endswith("n't") or lower == "n"  # "did n't", as tokenised text has it


@cache
def _opposite_keys() -> tuple[tuple[str, str], ...]:
    return tuple((stem(a), stem(b)) for a, b in OPPOSITES)
