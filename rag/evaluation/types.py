"""Records of question sets and of their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rag.types import Status

Half = Literal["tune", "test"]


@dataclass(frozen=True, slots=True)
class Gold:
    """A quote of an article that answers the question, or one side of it, by itself."""

    path: str
    quote: str


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a question set.

    Attributes:
        history: the questions asked before it in the same conversation, oldest first.
        need: the number of articles from which a right answer cites gold; 0 when the archive does not hold the answer;
            None when the set does not tell.
        answers: short right answers, any of which is enough; empty when the set gives none.
        half: "tune" may be looked at while the product is changed, "test" may not; None when the set has no halves.
    """

    id: str
    question: str
    kind: str = "question"
    history: tuple[str, ...] = ()
    gold: tuple[Gold, ...] = ()
    need: int | None = None
    answers: tuple[str, ...] = ()
    half: Half | None = None

    @property
    def is_followup(self) -> bool:
        """Whether the question needs the questions before it."""
        return self.kind == "followup"


@dataclass(frozen=True, slots=True)
class CitationCheck:
    """A citation of an answer, checked.

    Attributes:
        start, end: characters of the article's text.
        exact: the quote is in the article's text and in its file (see `is_exact`).
        on_gold: it shares at least one character with a gold quote of the question.
    """

    path: str
    start: int
    end: int
    exact: bool
    on_gold: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The product's answer to one question, judged.

    Attributes:
        status: of the answer, or "failed" when asking raised an error; `error` has its message.
        confidence: of the answer, 0 to 1; None when failed.
        claims: texts of the claims.
        claims_cited: number of claims that have citation numbers, all of which the answer lists.
        cited: indexes into `question.gold` of the quotes that were cited.
        sentences: number of sentences in the claims together.
        answer_found: a short right answer is in the text of the answer or of a citation; None when not looked for.
        ms: wall time of the question, milliseconds.
    """

    question: Question
    status: Status | Literal["failed"]
    confidence: float | None = None
    standalone_question: str = ""
    text: str = ""
    claims: tuple[str, ...] = ()
    claims_cited: int = 0
    citations: tuple[CitationCheck, ...] = ()
    cited: tuple[int, ...] = ()
    sentences: int = 0
    answer_found: bool | None = None
    generator: str = ""
    notice: str = ""
    ms: float = 0.0
    error: str = ""

    @property
    def answered(self) -> bool:
        """Whether an answer was given."""
        return self.status in ("answered", "disputed")

    @property
    def refused(self) -> bool:
        """Whether the product abstained."""
        return self.status == "abstained"

    @property
    def answerable(self) -> bool | None:
        """Whether the archive holds the answer; None when the set does not tell."""
        return None if self.question.need is None else self.question.need > 0

    @property
    def credit(self) -> int:
        """Number of different articles whose gold was cited, at most `need`; 0 unless answered."""
        if not self.answered or not self.question.need:
            return 0
        return min(len({self.question.gold[i].path for i in self.cited}), self.question.need)

    @property
    def hit(self) -> bool | None:
        """Whether gold is cited from `need` different articles; None without gold."""
        return self.credit == self.question.need if self.question.gold and self.question.need else None

    @property
    def right(self) -> bool | None:
        """Whether gold is hit, or an unanswerable question refused; without gold, whether a short answer is found."""
        if self.answerable is False:
            return self.refused
        return self.answer_found if self.hit is None else self.hit
