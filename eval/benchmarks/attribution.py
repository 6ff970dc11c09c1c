"""Compare the speakers found with people's annotations in the form of PolNeAR (Newell, Margolin & Ruths 2018).

The data is a folder with `train/` and `dev/`, each of `text/NAME.txt` and `attributions/NAME_*.ann` (brat's stand-off
form: `T1<tab>Cue 107 114<tab>said`, `E1<tab>Attribution:T4 Cue:T1 Source:T2`). `train` tunes, `dev` tests.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from rag.evaluation.questions import EvalError
from rag.evaluation.runs import Json
from rag.evaluation.types import Half
from rag.text.attribution import Attribution, attribute
from rag.text.sentences import Span, sentences

PARTS: dict[Half, str] = {"tune": "train", "test": "dev"}
PRONOUNS = frozenset("he she they it we i you who that which".split())
_LINE = re.compile(r"([TE]\d+)\t([^\t]+)(?:\t(.*))?")
NEAR = 1  # characters by which a verb found may differ from the one annotated


@dataclass(frozen=True, slots=True)
class Annotated:
    """One annotated attribution: the spans of its verb, its source and its content.

    Attributes:
        pronoun: the source is a pronoun; the annotation does not tell whom it means.
    """

    cue: Span
    source: Span | None
    content: Span | None
    pronoun: bool


def read_annotated(folder: Path) -> Iterator[tuple[str, list[Annotated]]]:
    """Yield the text of each article of a part, and those of its attributions that have a verb.

    Raises:
        EvalError: there is no article, or a line is not of that form.
    """
    files = sorted((folder / "text").glob("*.txt"))
    if not files:
        raise EvalError(f"{folder} has no text/*.txt: give a folder with train/ and dev/ in the form of PolNeAR")
    for file in files:
        found = sorted((folder / "attributions").glob(f"{escape(file.stem)}*.ann"))
        if found:
            yield file.read_text(encoding="utf-8"), _annotated(found[0])


def _annotated(path: Path) -> list[Annotated]:
    lines = path.read_text(encoding="utf-8").splitlines()  # some lines continue the words of the line before
    rows = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
    try:
        spans = {name: (_span(given), words or "") for name, given, words in rows if name.startswith("T")}
        events = [_roles(given) for name, given, _ in rows if name.startswith("E")]
        return [
            Annotated(
                cue=spans[roles["Cue"]][0],
                source=spans[roles["Source"]][0] if "Source" in roles else None,
                content=spans[roles["Content"]][0] if "Content" in roles else None,
                pronoun="Source" in roles and spans[roles["Source"]][1].strip().casefold() in PRONOUNS,
            )
            for roles in events
            if "Cue" in roles
        ]
    except (IndexError, KeyError, ValueError) as error:
        raise EvalError(f"{path} is not in brat's stand-off form ({error!r})") from error


def _span(given: str) -> Span:
    """Return the span from the first to the last character of "Source 89 95;99 106"."""
    numbers = [int(number) for part in given.split(" ", 1)[1].split(";") for number in part.split()]
    return numbers[0], numbers[-1]


def _roles(given: str) -> dict[str, str]:
    """Return role -> id of its span; of "Source" and "Source2" the first."""
    roles: dict[str, str] = {}
    for part in given.split():
        role, _, name = part.partition(":")
        roles.setdefault(role.rstrip("0123456789"), name)
    return roles


def measured(folder: Path) -> dict[str, Json]:
    """Return the measures of each half: of the attributions and their speakers, and of the sentences with a speaker."""
    return {half: _measured(list(read_annotated(folder / part))) for half, part in PARTS.items()}


def _measured(articles: Sequence[tuple[str, Sequence[Annotated]]]) -> Json:
    count: Counter[str] = Counter()
    for text, annotated in articles:
        spans = sentences(text)
        given = attribute(text, spans)
        count.update(_verbs(given, annotated))
        count.update(_sentences(spans, given, annotated))

    def share(part: str, whole: str) -> float | None:
        return count[part] / count[whole] if count[whole] else None

    return {
        "articles": len(articles),
        "attributions": count["attributions"],
        "verb found": share("found", "attributions"),
        "of these, source no pronoun": count["no pronoun"],
        "speaker within the source": share("right", "no pronoun"),
        "sentences with a verb annotated": count["verb"],
        "of these, speaker named": share("verb, named", "verb"),
        "other sentences of what is said": count["said"],
        "of these, speaker named too": share("said, named", "said"),
        "sentences named by a verb": count["by verb"],
        "of these, verb annotated": share("by verb, annotated", "by verb"),
        "sentences named as more of a quotation": count["by quotation"],
        "of these, within what is said": share("by quotation, annotated", "by quotation"),
    }


def _verbs(given: Sequence[Attribution | None], annotated: Sequence[Annotated]) -> Iterator[str]:
    spoken = [one for one in given if one is not None]
    for wanted in annotated:
        if wanted.source is None:
            continue
        yield "attributions"
        match = next((one for one in spoken if _same_verb(one, wanted)), None)
        if match is not None:
            yield "found"
            if not wanted.pronoun:
                yield "no pronoun"
                if _overlap(match.speaker_span, wanted.source):
                    yield "right"


def _sentences(
    spans: Sequence[Span], given: Sequence[Attribution | None], annotated: Sequence[Annotated]
) -> Iterator[str]:
    """Yield what to count for each sentence: is a verb or content annotated in it, and does it get a speaker here?"""
    for span, one in zip(spans, given, strict=True):
        verb = any(span[0] <= wanted.cue[0] < span[1] for wanted in annotated)
        said = any(wanted.content is not None and _overlap(wanted.content, span) for wanted in annotated)
        if verb or said:
            kind = "verb" if verb else "said"
            yield kind
            if one is not None:
                yield f"{kind}, named"
        if one is not None:
            kind = "by quotation" if one.cue_span is None else "by verb"
            yield kind
            if verb if one.cue_span is not None else said:
                yield f"{kind}, annotated"


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _same_verb(one: Attribution, given: Annotated) -> bool:
    cue = one.cue_span
    return cue is not None and given.cue[0] - NEAR <= cue[0] and cue[1] <= given.cue[1] + NEAR
