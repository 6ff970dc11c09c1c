"""Does one sentence deny what the other says, or say the opposite? By lists of English words, so only what is plain."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from rag.words import stem, words

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
    """Whether one of them denies a word that the other has and does not deny, or has the opposite of a word instead."""
    here, there = _keys(sentence), _keys(evidence)
    denied_here, denied_there = _denied(sentence), _denied(evidence)
    if (denied_here ^ denied_there) & here & there:
        return True
    return any(_instead(a, b, here, there) or _instead(b, a, here, there) for a, b in _opposite_keys())


def _instead(one: str, other: str, here: frozenset[str], there: frozenset[str]) -> bool:
    return one in here and other in there and one not in there and other not in here


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
