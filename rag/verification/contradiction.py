"""Decides whether two sentences contradict each other. It uses lists of English words, so it sees plain cases only."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from rag.text.names import title_holders
from rag.text.polarity import is_denial
from rag.text.tokens import stem, words

REACH_WORDS = 4  # words after a denial among which is the word that it denies
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
    """Return whether a sentence and its evidence contradict each other.

    They do when one of them denies a word that the other has and does not deny, when one has the opposite of a word of
    the other, or when each gives the same title to other people.
    """
    here, there = _keys(sentence), _keys(evidence)
    denied_here, denied_there = _denied(sentence), _denied(evidence)
    if (denied_here ^ denied_there) & here & there:
        return True
    if _titles_differ(sentence, evidence):
        return True
    return any(_instead(a, b, here, there) or _instead(b, a, here, there) for a, b in _opposite_keys())


def _instead(one: str, other: str, here: frozenset[str], there: frozenset[str]) -> bool:
    return one in here and other in there and one not in there and other not in here


def _titles_differ(sentence: str, evidence: str) -> bool:
    here, there = _holders(sentence), _holders(evidence)
    return any(title in there and not (here[title] & there[title]) for title in here)


def _holders(text: str) -> dict[str, frozenset[str]]:
    """Return for each title the surnames of the people who have it."""
    surnames: dict[str, frozenset[str]] = {}
    for holder in title_holders(text):
        surnames[holder.title] = surnames.get(holder.title, frozenset()) | {holder.surname}
    return surnames


def _keys(text: str) -> frozenset[str]:
    return frozenset(word.key for word in words(text))


def _denied(text: str) -> frozenset[str]:
    """Return the keys of the first content word after each denial."""
    all_words = words(text)
    denials = (i for i, word in enumerate(all_words) if is_denial(text[word.start : word.end]))
    after: Iterable[list[str]] = ([w.key for w in all_words[i + 1 : i + 1 + REACH_WORDS] if w.content] for i in denials)
    return frozenset(keys[0] for keys in after if keys)


@cache
def _opposite_keys() -> tuple[tuple[str, str], ...]:
    return tuple((stem(a), stem(b)) for a, b in OPPOSITES)
