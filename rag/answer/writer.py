"""Write an answer from its decision, sentence by sentence: each is cited, and checked as it is complete."""

from __future__ import annotations

from collections.abc import Generator as Events
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rag.answer.abstention import nearest, reason_of_model
from rag.answer.decision import Decision
from rag.answer.disputes import arrange_dispute
from rag.errors import AnswerCutError, GeneratorError
from rag.evidence.short_answers import ShortAnswer
from rag.generation.base import Generator, Piece, Task
from rag.generation.prompts import is_abstention
from rag.generation.registry import generator
from rag.types import Answer, Claim, Evidence
from rag.verification.citations import Citer, visible, with_markers
from rag.verification.verifier import Verifier, sources_of


@dataclass(frozen=True, slots=True)
class Stage:
    """The begin of a stage: "searching", "reading" or "writing", where each sentence is also checked."""

    name: str


Event = Stage | Piece | Claim | Answer
Writing = Events[Event, None, Answer]  # yields events, returns the answer


def write(blank: Answer, decision: Decision, verifier: Verifier, key: str | None = None) -> Writing:
    """Write what was decided. The text that is streamed is the text that is returned.

    Args:
        blank: the answer without its text and claims; its generator writes.
        key: for a hosted model, instead of that of the environment.
    """
    if decision.reason:
        yield Piece(decision.reason, ends_claim=True)
        return replace(blank, text=decision.reason, hits=nearest(blank.hits), generator="extractive")
    if decision.conflict is None:
        return (yield from write_answer(blank, decision.evidence, verifier, decision.short_answer, key))
    written = yield from _stages_only(write_answer(blank, decision.evidence, verifier, key=key))
    if written.status == "abstained":
        yield Piece(written.text, ends_claim=True)
        return written
    answer, lines = arrange_dispute(written, decision.conflict)
    for line in lines:
        yield Piece(f"{line.text}\n", ends_claim=True)
        if line.claim:
            yield line.claim
    return answer


def _stages_only(writing: Writing) -> Writing:
    """Pass on the stages alone: in which order the sides stand is known when the last sentence is written."""
    while True:
        try:
            event = next(writing)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        if isinstance(event, Stage):
            yield event


def write_answer(
    blank: Answer,
    evidence: Sequence[Evidence],
    verifier: Verifier,
    short: ShortAnswer | None = None,
    key: str | None = None,
) -> Writing:
    """Write with the generator asked for; when it fails or nothing it says holds, extractively with a notice."""
    task = Task(blank.standalone_question, evidence)
    yield Stage("writing")
    if blank.generator == "extractive":
        return (yield from _extracted(blank, task, verifier, short))
    try:
        answer = yield from _attempt(blank, generator(blank.generator, key), task, verifier)
        if answer.status == "abstained" or _holds(answer.claims):
            return answer
        notice = f"{answer.generator} wrote nothing that the articles carry; these are the articles’ own sentences"
    except GeneratorError as error:
        notice = f"{error}; these are the articles’ own sentences"
    yield Piece("", ends_claim=True)
    answer = yield from _extracted(blank, task, verifier, short)
    return replace(answer, notice="; ".join(filter(None, (blank.notice, notice))))


def _extracted(blank: Answer, task: Task, verifier: Verifier, short: ShortAnswer | None) -> Writing:
    """Write the articles' own sentences, led by the short answer, which cites the one it stands in."""
    if short is None:
        return (yield from _attempt(blank, generator("extractive"), task, verifier))
    first = short.candidate.evidence
    task = Task(task.question, [first, *(e for e in task.evidence if e is not first)])
    lead = Claim(short.text, "verbatim", 1.0, (1,))
    line = with_markers(f"**{lead.text}**", lead.citations)
    yield Piece(f"{line}\n", ends_claim=True)
    yield lead
    answer = yield from _attempt(blank, generator("extractive"), task, verifier)
    return replace(answer, text=f"{line}\n{answer.text}", claims=(lead, *answer.claims))


def _attempt(blank: Answer, generator: Generator, task: Task, verifier: Verifier) -> Writing:
    """Let one generator write; pass its text on with the answer's own citation numbers, as sentences complete."""
    citer = Citer(task.evidence)
    claims: list[Claim] = []
    notices = [blank.notice]
    pending = shown = ""
    refused = False
    try:
        for piece in chain(generator.generate(task), [Piece("", ends_claim=True)]):
            pending += piece.text
            notices.append(piece.notice)
            if not piece.ends_claim:
                if more := visible(pending)[len(shown) :]:
                    yield Piece(more)
                    shown += more
                continue
            text, numbers = citer.resolve(pending)
            if is_abstention(text):
                refused = True
            elif text:
                claims.append(_claim(citer, text, numbers, verifier))
                yield Piece(with_markers(text, numbers)[len(shown) :] + "\n", ends_claim=True)
                yield claims[-1]
            pending = shown = ""
    except AnswerCutError as cut:
        if not _holds(claims):
            raise
        notices.append(f"the answer was cut off: {cut}")
    if refused and not _holds(claims):
        text = reason_of_model(generator.name)
        return replace(blank, text=text, status="abstained", hits=nearest(blank.hits), generator=generator.name)
    return replace(
        blank,
        status="answered",
        text="\n".join(with_markers(c.text, c.citations) for c in claims),
        claims=tuple(claims),
        citations=tuple(citer.citations),
        generator=generator.name,
        notice="; ".join(filter(None, (*notices, _unknown(citer.unknown)))),
    )


def _holds(claims: Iterable[Claim]) -> bool:
    return any(claim.support != "unsupported" for claim in claims)


def _unknown(count: int) -> str:
    return f"{count} citation{'s' if count > 1 else ''} named no evidence" if count else ""


def _claim(citer: Citer, text: str, numbers: tuple[int, ...], verifier: Verifier) -> Claim:
    verdict = verifier.check(text, sources_of([citer.citations[n - 1] for n in numbers]))
    return Claim(text, verdict.support, verdict.score, numbers)
