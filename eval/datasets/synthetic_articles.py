"""Synthetic articles for measuring time: sentences of real ones, with invented words among theirs."""

from __future__ import annotations

import json
import random
import re
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

SYLLABLES = [
    consonant + vowel
    for consonant in "b c d f g h j k l m n p r s t v w z st tr pl gr".split()
    for vowel in "a e i o u ai ou".split()
]
WORDS = 40_000  # invented; the n-th is 1/n as frequent as the first, as words are
REPLACED = 0.2  # of the words of a sentence
SENTENCE_WORDS = range(6, 61)  # of a real sentence that is used
SENTENCES = (20, 45)  # in an article, at least and at most
FIRST_DAY = date(2022, 1, 1)


def write_made_up(count: int, articles: Path, target: Path) -> None:
    """Write `count` articles as JSON lines, of sentences of the text files in the folder `articles`."""
    chance = random.Random(20)  # noqa: S311 - no secret
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(articles.glob("*.txt")))
    sentences = [s.split() for s in re.split(r"(?<=[.!?])\s+", text) if len(s.split()) in SENTENCE_WORDS]
    words = ["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4)))) for _ in range(WORDS)]
    weights = list(accumulate(1 / n for n in range(1, WORDS + 1)))

    def sentence() -> str:
        own = chance.choice(sentences)
        new = chance.choices(words, cum_weights=weights, k=len(own))
        return " ".join(b if chance.random() < REPLACED else a for a, b in zip(own, new, strict=True))

    with target.open("w", encoding="utf-8") as file:
        for number in range(count):
            paragraphs = [" ".join(sentence() for _ in range(3)) for _ in range(chance.randint(*SENTENCES) // 3)]
            row = {
                "id": f"made-up-{number}",
                "title": " ".join(chance.choices(words, cum_weights=weights, k=7)).capitalize(),
                "published": (FIRST_DAY + timedelta(days=chance.randrange(700))).isoformat(),
                "text": "\n\n".join(paragraphs),
            }
            file.write(json.dumps(row) + "\n")
