"""Write an answer from a decision, sentence by sentence, and cite and check each sentence once it is complete."""

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
    """The start of a stage: "searching", "reading" or "writing", which also checks each sentence."""

    name: str


Event = Stage | Piece | Claim | Answer
Writing = Events[Event, None, Answer]  # yields events, returns the answer


def write(
    blank: Answer, decision: Decision, verifier: Verifier, key: str | None = None, given: Generator | None = None
) -> Writing:
    """Write an answer from a decision, and yield its events. The streamed text is the text of the returned answer.

    Args:
        blank: the answer without its text and claims; it names the generator.
        decision: what the answer will contain.
        verifier: checks each sentence against its citations.
        key: the key of a hosted model; None takes it from the environment.
        given: the generator itself, in place of the one that `blank` names.
    """
    if decision.reason:
        yield Piece(decision.reason, ends_claim=True)
        return replace(blank, text=decision.reason, hits=nearest(blank.hits), generator="extractive")
    if decision.conflict is None:
        return (yield from write_answer(blank, decision.evidence, verifier, decision.short_answer, key, given))
    written = yield from _stages_only(write_answer(blank, decision.evidence, verifier, key=key, given=given))
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
    """Yield only the stages: the order of the sides is not known before the last sentence is written."""
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
    given: Generator | None = None,
) -> Writing:
    """Write with the chosen generator; when it fails or nothing it writes is supported, extractively with a notice."""
    task = Task(blank.standalone_question, evidence)
    yield Stage("writing")
    if given is None and blank.generator == "extractive":
        return (yield from _extracted(blank, task, verifier, short))
    try:
        answer = yield from _attempt(blank, given or generator(blank.generator, key), task, verifier)
        if answer.status == "abstained" or _any_supported(answer.claims):
            return answer
        notice = f"{answer.generator} wrote nothing that the articles carry; these are the articles’ own sentences"
    except GeneratorError as error:
        notice = f"{error}; these are the articles’ own sentences"
    yield Piece("", ends_claim=True)
    answer = yield from _extracted(blank, task, verifier, short)
    return replace(answer, notice="; ".join(filter(None, (blank.notice, notice))))


def _extracted(blank: Answer, task: Task, verifier: Verifier, short: ShortAnswer | None) -> Writing:
    """Write the articles' own sentences after the short answer, which cites the first of them."""
    if short is None:
        return (yield from _attempt(blank, generator("extractive"), task, verifier))
    first = short.candidate.evidence
    task = Task(task.question, [first, *(e for e in task.evidence if e is not first)])
    opening = Claim(short.text, "verbatim", 1.0, (1,))
    line = with_markers(f"**{opening.text}**", opening.citations)
    yield Piece(f"{line}\n", ends_claim=True)
    yield opening
    answer = yield from _attempt(blank, generator("extractive"), task, verifier)
    return replace(answer, text=f"{line}\n{answer.text}", claims=(opening, *answer.claims))


def _attempt(blank: Answer, generator: Generator, task: Task, verifier: Verifier) -> Writing:
    """Write with one generator, and yield its text with the citation numbers of the answer."""
    citer = Citer(task.evidence)
    claims: list[Claim] = []
    notices = [blank.notice]
    pending = shown = ""
    abstained = False
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
                abstained = True
            elif text:
                claims.append(_claim(citer, text, numbers, verifier))
                yield Piece(with_markers(text, numbers)[len(shown) :] + "\n", ends_claim=True)
                yield claims[-1]
            pending = shown = ""
    except AnswerCutError as cut:
        if not _any_supported(claims):
            raise
        notices.append(f"the answer was cut off: {cut}")
    if abstained and not _any_supported(claims):
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


def _any_supported(claims: Iterable[Claim]) -> bool:
    return any(claim.support != "unsupported" for claim in claims)


def _unknown(count: int) -> str:
    return f"{count} citation{'s' if count > 1 else ''} named no evidence" if count else ""


def _claim(citer: Citer, text: str, numbers: tuple[int, ...], verifier: Verifier) -> Claim:
    verdict = verifier.check(text, sources_of([citer.citations[n - 1] for n in numbers]))
    return Claim(text, verdict.support, verdict.score, numbers)
