"""Who says what, held against people's annotations in the form of PolNeAR (Newell, Margolin & Ruths 2018).

The data is a folder with `train/` and `dev/`, each of `text/NAME.txt` and `attributions/NAME_*.ann` (brat's stand-off
form: `T1<tab>Cue 107 114<tab>said`, `E1<tab>Attribution:T4 Cue:T1 Source:T2`). `train` tunes, `dev` tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from rag.evaluation.questions import EvalError
from rag.evaluation.records import Half
from rag.evaluation.runs import Json
from rag.speakers import Attribution, attribute
from rag.split import Span, sentences

PARTS: dict[Half, str] = {"tune": "train", "test": "dev"}
PRONOUNS = frozenset("he she they it we i you who that which".split())
_LINE = re.compile(r"([TE]\d+)\t([^\t]+)(?:\t(.*))?")
NEAR = 1  # characters by which a verb found may differ from the one annotated


@dataclass(frozen=True, slots=True)
class Annotated:
    """One attribution: where its verb and where its source stand.

    Attributes:
        pronoun: the source is one, so that whom it means is not annotated.
    """

    cue: Span
    source: Span
    pronoun: bool


def read_annotated(folder: Path) -> Iterator[tuple[str, list[Annotated]]]:
    """Yield the text of each article of a part, and those of its attributions that have a verb and a source.

    Raises:
        EvalError: there is none, or a line is not of that form.
    """
    files = sorted((folder / "text").glob("*.txt"))
    if not files:
        raise EvalError(f"{folder} has no text/*.txt: give a folder with train/ and dev/ in the form of PolNeAR")
    for file in files:
        found = sorted((folder / "attributions").glob(f"{escape(file.stem)}*.ann"))
        if found:
            yield file.read_text(encoding="utf-8"), _annotated(found[0])


def _annotated(path: Path) -> list[Annotated]:
    lines = path.read_text(encoding="utf-8").splitlines()  # some are the rest of the words of the line before
    rows = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
    try:
        spans = {name: (_span(given), words or "") for name, given, words in rows if name.startswith("T")}
        events = [_roles(given) for name, given, _ in rows if name.startswith("E")]
        return [
            Annotated(spans[roles["Cue"]][0], *_source(spans[roles["Source"]]))
            for roles in events
            if "Cue" in roles and "Source" in roles
        ]
    except (IndexError, KeyError, ValueError) as error:
        raise EvalError(f"{path} is not in brat's stand-off form ({error!r})") from error


def _span(given: str) -> Span:
    """Of "Source 89 95;99 106" the characters from the first to the last."""
    numbers = [int(number) for part in given.split(" ", 1)[1].split(";") for number in part.split()]
    return numbers[0], numbers[-1]


def _roles(given: str) -> dict[str, str]:
    """Role -> what plays it; of "Source" and "Source2" the first."""
    roles: dict[str, str] = {}
    for part in given.split():
        role, _, name = part.partition(":")
        roles.setdefault(role.rstrip("0123456789"), name)
    return roles


def _source(given: tuple[Span, str]) -> tuple[Span, bool]:
    span, words = given
    return span, words.strip().casefold() in PRONOUNS


def measured(folder: Path) -> dict[str, Json]:
    """For each half, how many attributions have their verb found, and of those whether the speaker is in the source."""
    return {half: _measured(list(read_annotated(folder / part))) for half, part in PARTS.items()}


def _measured(articles: Sequence[tuple[str, Sequence[Annotated]]]) -> Json:
    total = found = named = right = 0
    for text, annotated in articles:
        spoken = [one for one in attribute(text, sentences(text)) if one is not None]
        for given in annotated:
            total += 1
            match = next((one for one in spoken if _same_verb(one, given)), None)
            found += match is not None
            if match is not None and not given.pronoun:
                named += 1
                right += match.speaker_span[0] < given.source[1] and given.source[0] < match.speaker_span[1]
    return {
        "articles": len(articles),
        "attributions": total,
        "verb found": found / total if total else None,
        "of these, source no pronoun": named,
        "speaker within the source": right / named if named else None,
    }


def _same_verb(one: Attribution, given: Annotated) -> bool:
    cue = one.cue_span
    return cue is not None and given.cue[0] - NEAR <= cue[0] and cue[1] <= given.cue[1] + NEAR
