"""Change sentences by rule so that their source no longer supports them: a number, a name, a denial, a direction.

After FactCC (Kryściński et al. 2020). Each change is one that language models make, and of one or two words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from rag.text.quantities import quantities
from rag.verification.contradiction import OPPOSITES

MIN_WORDS = 6  # of a sentence worth changing
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w’'-]*[a-z](?: [A-Z][\w’'-]*[a-z])*")
_AUXILIARY = re.compile(r"\b(is|are|was|were|has|have|had|will|would|can|could|should)\b(?! not\b|n't)")
_DENIAL = re.compile(r"\b(is|are|was|were|has|have|had|will|would|can|could|should|do|does|did) not\b")
_DIGITS = re.compile(r"\d+")


def shortened(sentence: str) -> str | None:
    """Return a sentence without the words after its last comma: the source still supports it.

    None when too few words remain, or there is no comma.
    """
    kept, comma, _ = sentence.rpartition(", ")
    if not comma or len(kept.split()) < MIN_WORDS or kept.count('"') % 2 or kept.count("“") != kept.count("”"):
        return None
    return f"{kept}."


def changed_sentences(sentence: str, names: Sequence[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (kind of change, changed sentence) for each change that the sentence allows.

    Args:
        sentence: of an article.
        names: of the article, to replace one in the sentence.
        rng: draws the changes.
    """
    digits = [q for q in quantities(sentence) if _DIGITS.match(sentence, q.start)]
    if digits:
        place = rng.choice(digits).start
        yield "number", _DIGITS.sub(lambda m: _other(m[0], rng), sentence[place:], count=1).join((sentence[:place], ""))
    own = list(_NAME.finditer(sentence))
    others = [name for name in names if name not in sentence]
    if own and others:
        start, end = rng.choice(own).span()
        yield "name", sentence[:start] + rng.choice(others) + sentence[end:]
    if len(own) > 1 and own[0][0] != own[1][0]:
        (a, b), (c, d) = own[0].span(), own[1].span()
        yield "order", sentence[:a] + sentence[c:d] + sentence[b:c] + sentence[a:b] + sentence[d:]
    for pattern, into in ((_DENIAL, r"\1"), (_AUXILIARY, r"\1 not")):
        if pattern.search(sentence):
            yield "denial", pattern.sub(into, sentence, count=1)
            break
    for one, other in (pair for a, b in OPPOSITES for pair in ((a, b), (b, a))):
        if re.search(rf"\b{one}\b", sentence):
            yield "direction", re.sub(rf"\b{one}\b", other, sentence, count=1)
            break


def capitalised_names(text: str) -> list[str]:
    """Return the capitalised words in the middle of sentences, in order, each once."""
    return list(dict.fromkeys(_NAME.findall(text)))


def _other(digits: str, rng: random.Random) -> str:
    """Return another number of as many digits."""
    low = 10 ** (len(digits) - 1)
    return str(rng.choice([n for n in (low + rng.randrange(9 * low) for _ in range(9)) if n != int(digits)]))
