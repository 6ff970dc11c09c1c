"""The answer written from its evidence, sentence by sentence: each one cited and checked as it is complete."""

from __future__ import annotations

from collections.abc import Generator as Events
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rag.cite import Citer, with_markers
from rag.errors import GeneratorError
from rag.generate import Generator, Piece, Task
from rag.generators import load_generator
from rag.records import Answer, Claim, Evidence
from rag.short import Short
from rag.verify import support


@dataclass(frozen=True, slots=True)
class Stage:
    """The pipeline has begun a stage: "searching", "reading", "writing" or "checking"."""

    name: str


Event = Stage | Piece | Claim | Answer
Writing = Events[Event, None, Answer]  # yields events, returns the answer


def written(blank: Answer, chosen: Sequence[Evidence], short: Short | None = None) -> Writing:
    """Write with the generator asked for; when it fails or nothing it says holds, extractively with a notice."""
    task = Task(blank.standalone_question, chosen)
    yield Stage("writing")
    if blank.generator == "extractive":
        return (yield from _extracted(blank, task, short))
    try:
        answer = yield from _attempt(blank, generator(blank.generator), task)
        if any(claim.support != "unsupported" for claim in answer.claims):
            return answer
        notice = f"{answer.generator} wrote nothing that the articles carry; these are the articles’ own sentences"
    except GeneratorError as error:
        notice = f"{error}; these are the articles’ own sentences"
    yield Piece("", ends_claim=True)
    answer = yield from _extracted(blank, task, short)
    return replace(answer, notice="; ".join(filter(None, (blank.notice, notice))))


def _extracted(blank: Answer, task: Task, short: Short | None) -> Writing:
    """The articles' own sentences, led by the short answer, which cites the one it stands in."""
    if short is None:
        return (yield from _attempt(blank, generator("extractive"), task))
    first = short.run.evidence
    task = Task(task.question, [first, *(e for e in task.evidence if e is not first)])
    lead = Claim(short.text, "verbatim", 1.0, (1,))
    line = with_markers(f"**{lead.text}**", lead.citations)
    yield Piece(f"{line}\n", ends_claim=True)
    yield lead
    answer = yield from _attempt(blank, generator("extractive"), task)
    return replace(answer, text=f"{line}\n{answer.text}", claims=(lead, *answer.claims))


def _attempt(blank: Answer, generator: Generator, task: Task) -> Writing:
    citer = Citer(task.evidence)
    claims: list[Claim] = []
    pending = ""
    for piece in generator.generate(task):
        yield piece
        pending += piece.text
        if piece.ends_claim:
            claim = _claim(citer, pending)
            pending = ""
            if claim is not None:
                claims.append(claim)
                yield claim
    if (claim := _claim(citer, pending)) is not None:
        claims.append(claim)
        yield claim
    return replace(
        blank,
        status="answered",
        text="\n".join(with_markers(c.text, c.citations) for c in claims),
        claims=tuple(claims),
        citations=tuple(citer.citations),
        generator=generator.name,
        notice="; ".join(filter(None, (blank.notice, _unknown(citer.unknown)))),
    )


def _unknown(count: int) -> str:
    return f"{count} citation{'s' if count > 1 else ''} named no evidence" if count else ""


def _claim(citer: Citer, sentence: str) -> Claim | None:
    text, numbers = citer.resolve(sentence)
    if not text:
        return None
    verdict, score = support(text, [citer.citations[n - 1] for n in numbers])
    return Claim(text, verdict, score, numbers)


@lru_cache(maxsize=4)
def generator(spec: str) -> Generator:
    """Generators are loaded once a process: a local model takes seconds to read."""
    return load_generator(spec)
