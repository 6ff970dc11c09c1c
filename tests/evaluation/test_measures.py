"""The measures: by hand on small cases, against second implementations, and as properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rag.evaluation.gold import cited_gold, contains_answer, covered, fold, is_exact, locate, touches_gold
from rag.evaluation.measures import BY_KEY, DRAWS, MEASURES, SEED, auroc, difference, percentile, value
from rag.evaluation.types import CitationCheck, Gold, Outcome, Question
from rag.types import Article, Citation

STEEL = Article("a1", "steel.txt", "The duty on steel is 25 per cent.\nIt began in May.")
LUMBER = Article("a2", "lumber.txt", "The duty on lumber is 10 per cent.")
DUTY = Gold("steel.txt", "The duty on steel is 25 per cent.")  # characters 0 to 33
BEGAN = Gold("steel.txt", "It began in May.")  # 34 to 50
WOOD = Gold("lumber.txt", "The duty on lumber is 10 per cent.")


def cite(article: Article, start: int, end: int) -> Citation:
    return Citation(1, article, start, end)


# --- evidence


def test_covered_is_the_share_of_the_gold() -> None:
    assert covered((0, 10), (0, 10)) == 1.0
    assert covered((5, 30), (0, 10)) == 0.5
    assert covered((8, 9), (0, 10)) == 0.1
    assert covered((10, 20), (0, 10)) == 0.0


def test_locate_matches_any_white_space_and_every_occurrence() -> None:
    assert locate("steel is", "The steel\n is here; steel is.") == [(4, 13), (20, 28)]
    assert locate("a.c", "abc a.c") == [(4, 7)]
    assert locate("st\u200beel", "steel") == [(0, 5)]
    assert locate(" \n", "steel") == []


def test_a_gold_quote_is_cited_from_half_of_its_characters() -> None:
    gold = (Gold("steel.txt", "It began in May."),)  # 16 characters
    assert cited_gold(gold, [cite(STEEL, 34, 42)]) == (0,)
    assert cited_gold(gold, [cite(STEEL, 34, 41)]) == ()
    assert cited_gold(gold, [cite(STEEL, 34, 41), cite(STEEL, 43, 50)]) == ()  # one citation must hold it
    assert cited_gold(gold, [cite(STEEL, 0, 50)]) == (0,)
    assert cited_gold((DUTY,), [cite(STEEL, 0, 16)]) == ()  # of 33 characters
    assert cited_gold((DUTY,), [cite(STEEL, 0, 17)]) == (0,)


def test_gold_is_cited_in_its_own_article_only() -> None:
    twin = Article("a3", "twin.txt", STEEL.text)
    assert cited_gold((DUTY, WOOD), [cite(twin, 0, 33), cite(LUMBER, 0, 34)]) == (1,)
    assert cited_gold((DUTY, BEGAN, WOOD), [cite(STEEL, 30, 50)]) == (1,)


def test_one_shared_character_touches_gold() -> None:
    assert touches_gold(cite(STEEL, 49, 50), [BEGAN])
    assert not touches_gold(cite(STEEL, 33, 34), [DUTY, BEGAN, WOOD])


@pytest.mark.parametrize(
    ("start", "end", "source", "exact"),
    [
        (34, 50, "… It began in May. …", True),
        (34, 50, None, True),
        (28, 42, "is 25 per cent. It began in May.", True),  # the line break is folded
        (34, 50, "It began in June.", False),
        (34, 51, None, False),
        (-16, 50, None, False),
        (40, 40, "It began in May.", False),
    ],
)
def test_is_exact(start: int, end: int, source: str | None, exact: bool) -> None:
    assert is_exact(cite(STEEL, start, end), source) is exact


def test_fold_drops_what_nobody_sees() -> None:
    assert fold(" a\u200bb\u00a0\n\tc\ufe0f\U000e0041 ") == "ab c"


@pytest.mark.parametrize(
    ("answer", "text", "found"),
    [
        ("75%", "Over 75% of exports. [1]", True),
        ("5%", "Over 75% of exports.", False),
        ("november 1", "By November\u00a01.", True),
        ("Canada's", "Canada’s steel", True),
        ("10 - 12", "10 – 12 talks", True),
        ("twelve.", "Twelve talks", True),
        ("1", "Nobody said so. [1]", False),
        ("steel [2]", "steel [2]", False),
    ],
)
def test_contains_answer_as_whole_words(answer: str, text: str, found: bool) -> None:
    assert contains_answer([answer], [text]) is found
    assert contains_answer(["never there", answer], ["", text]) is found


# --- a run worked out by hand


def outcome(question: Question, status: str = "answered", confidence: float = 0.9, **more: object) -> Outcome:
    return replace(Outcome(question, "answered", confidence), status=status, **more)  # type: ignore[arg-type]


def check(on_gold: bool, exact: bool = True, length: int = 30) -> CitationCheck:
    return CitationCheck("steel.txt", 10, 10 + length, exact, on_gold)


FACT = Question("1", "How high?", "fact", gold=(DUTY, BEGAN), need=1, half="tune")
BOTH = Question("2", "Both duties?", "several", gold=(DUTY, BEGAN, WOOD), need=2, half="tune")
SIDES = Question("3", "Who is right?", "disagree", gold=(DUTY, WOOD), need=2, half="test")
AGAIN = Question("4", "And lumber?", "followup", ("How high?",), gold=(WOOD,), need=1, half="test")
NEVER = Question("5", "Who won?", "unanswerable_offtopic", need=0, half="tune")
FALSE = Question("6", "When did it end?", "false_premise", need=0, half="test")
LOST = Question("7", "Why?", "followup", ("Who won?",), need=0, half="test")
PAIR = Question("8", "Which month?", answers=("May",), need=1, half="test")

RUN = (
    outcome(
        FACT, claims=("One.",), claims_cited=1, citations=(check(True), check(False)), cited=(1,), sentences=1, ms=1
    ),
    outcome(
        BOTH,
        claims=("One.", "Two. Three."),
        claims_cited=1,
        citations=(check(True), check(True, exact=False)),
        cited=(0, 1),  # two quotes, but of one article
        sentences=3,
        confidence=0.6,
        ms=2,
    ),
    outcome(
        SIDES,
        "disputed",
        claims=("A.", "B."),
        claims_cited=2,
        citations=(check(True), check(True)),
        cited=(0, 1),
        sentences=2,
        ms=3,
    ),
    outcome(AGAIN, "abstained", confidence=0.2, citations=(check(True),), ms=4),  # the nearest, not an answer
    outcome(NEVER, "abstained", confidence=0.1, ms=5),
    outcome(
        FALSE,
        claims=("So.",),
        claims_cited=1,
        citations=(check(False, length=60),),
        sentences=1,
        confidence=0.6,
        ms=6,
    ),
    outcome(LOST, "abstained", confidence=0.3, citations=(check(False),), ms=7),
    outcome(PAIR, claims=("In May.",), claims_cited=0, sentences=1, confidence=0.6, answer_found=True, ms=8),
)


def test_every_measure_by_hand() -> None:
    found = {m.key: (v.n, v.value) for m in MEASURES if (v := value(m, RUN))}
    assert found == {
        "right": (8, 5 / 8),  # 1, 3, 5, 7, 8
        "hit_one": (1, 1.0),  # 8 has no gold
        "hit_several": (2, 1 / 2),
        "hit_followup": (1, 0.0),
        "disputed": (1, 1.0),
        "answer_found": (1, 1.0),
        "citation_precision": (6, 5 / 6),  # of 1, 2 and 3
        "citation_recall": (6, 4 / 6),  # 1 of 1, 1 of 2, 2 of 2, 0 of 1
        "abstention_precision": (3, 2 / 3),
        "abstention_recall": (3, 2 / 3),
        "refused_unanswerable": (2, 1 / 2),
        "refused_answerable": (5, 1 / 5),
        "confidence_auroc": (8, (3 + 3 + 2.5 + 2.5 + 1) / 15),  # wins of .9, .9, .6, .6, .2 over .1, .3, .6
        "byte_equal": (9, 8 / 9),
        "claims_cited": (7, 5 / 7),
        "claims": (5, 7 / 5),
        "sentences": (5, 8 / 5),
        "citation_characters": (7, 240 / 7),
        "latency_p50": (8, 4.0),
        "latency_p95": (8, 8.0),
        "failed": (8, 0.0),
    }


def test_an_abstaining_answer_earns_no_evidence() -> None:
    refused = outcome(FACT, "abstained", cited=(0, 1))
    assert (refused.credit, refused.hit, refused.right) == (0, False, False)


def test_a_failed_question_counts_against_the_product() -> None:
    failed = Outcome(NEVER, "failed", error="no model"), Outcome(FACT, "failed", error="no model")
    values = {m.key: v.value for m in MEASURES if (v := value(m, failed))}
    assert values["failed"] == 1.0
    assert values["right"] == values["hit_one"] == values["refused_unanswerable"] == 0.0
    assert "confidence_auroc" not in values


def test_what_a_set_does_not_say_is_not_measured() -> None:
    bare = [outcome(Question("1", "How high?")), outcome(Question("2", "Why?"), "abstained")]
    assert {m.key for m in MEASURES if value(m, bare)} == {
        "claims",
        "sentences",
        "latency_p50",
        "latency_p95",
        "failed",
    }
    assert bare[0].right is None
    assert value(BY_KEY["right"], []) is None


def test_lower_is_better_turns_a_target_into_a_ceiling() -> None:
    assert BY_KEY["hit_one"].meets(0.92, 0.92)
    assert not BY_KEY["hit_one"].meets(0.919, 0.92)
    assert BY_KEY["refused_answerable"].meets(0.1, 0.1)
    assert not BY_KEY["refused_answerable"].meets(0.101, 0.1)


# --- statistics against second implementations

CONFIDENCES = st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9, 1.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CONFIDENCES, st.booleans(), st.integers(0, 3)), min_size=2, max_size=30))
def test_auroc_agrees_with_scikit_learn(rows: list[tuple[float, bool, int]]) -> None:
    outcomes = [outcome(FACT if answerable else NEVER, confidence=c) for c, answerable, _ in rows]
    weights = np.array([[w for _, _, w in rows]], dtype=np.float64)
    labels = [answerable for _, answerable, w in rows if w]
    got = auroc(outcomes).statistic(weights)[0]
    if len(set(labels)) < 2:
        assert np.isnan(got)
    else:
        kept = [(c, w) for c, _, w in rows if w]
        expected = roc_auc_score(labels, [c for c, _ in kept], sample_weight=[w for _, w in kept])
        assert got == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.sampled_from([5, 50, 95, 100]))
def test_percentile_agrees_with_numpy(times: list[float], percent: int) -> None:
    outcomes = [outcome(FACT, ms=ms) for ms in times]
    got = percentile(percent, lambda o: o.ms)(outcomes).statistic(np.ones((1, len(times))))[0]
    assert got == np.percentile(times, percent, method="inverted_cdf")


def resampled_means(rows: Sequence[float]) -> list[float]:
    """The bootstrap written out: draw the questions themselves, with the same random numbers."""
    rng = np.random.default_rng(SEED)
    return [float(np.mean([rows[i] for i in rng.integers(len(rows), size=len(rows))])) for _ in range(DRAWS)]


def test_interval_is_the_percentile_bootstrap() -> None:
    rights = [True, True, False, True, False, True, True]
    outcomes = [outcome(FACT, cited=(0,) if right else ()) for right in rights]
    low, high = np.percentile(resampled_means(rights), [2.5, 97.5])
    found = value(BY_KEY["hit_one"], outcomes)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found == value(BY_KEY["hit_one"], outcomes)


def test_difference_is_paired() -> None:
    a = [replace(o, question=replace(FACT, id=str(i))) for i, o in enumerate([outcome(FACT, cited=())] * 6)]
    b = [replace(o, cited=(0,)) if i < 2 else o for i, o in enumerate(a)]
    found = difference(BY_KEY["hit_one"], a, b)
    assert found is not None
    low, high = np.percentile(resampled_means([1, 1, 0, 0, 0, 0]), [2.5, 97.5])
    assert (found.a, found.b, found.change) == (0.0, 1 / 3, 1 / 3)
    assert (found.low, found.high) == pytest.approx((low, high))
    with pytest.raises(ValueError, match="same questions"):
        difference(BY_KEY["hit_one"], a, b[1:])


# --- properties

QUESTIONS = st.sampled_from([FACT, BOTH, SIDES, AGAIN, NEVER, FALSE, LOST, PAIR, Question("9", "Unknown?")])


@st.composite
def outcomes_strategy(draw: st.DrawFn) -> Outcome:
    question = draw(QUESTIONS)
    claims = draw(st.integers(0, 3))
    cited = st.sets(st.integers(0, len(question.gold) - 1)) if question.gold else st.just(set[int]())
    return outcome(
        question,
        draw(st.sampled_from(["answered", "abstained", "disputed", "failed"])),
        draw(CONFIDENCES),
        claims=("One.",) * claims,
        claims_cited=draw(st.integers(0, claims)),
        citations=tuple(draw(st.lists(st.builds(check, st.booleans(), st.booleans()), max_size=3))),
        cited=tuple(sorted(draw(cited))),
        sentences=claims,
        ms=draw(st.floats(0, 1e4)),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(outcomes_strategy(), min_size=1, max_size=12))
def test_values_lie_in_their_range_whatever_the_order(outcomes: list[Outcome]) -> None:
    for measure in MEASURES:
        found, again = value(measure, outcomes), value(measure, outcomes[::-1])
        if found is None or again is None:
            assert found is again
            continue
        assert found.value == pytest.approx(again.value)
        assert found.low <= found.high
        if measure.unit == "share":
            assert found.low >= 0
            assert 0 <= found.value <= 1
            assert found.high <= 1


@given(st.lists(outcomes_strategy(), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_a_run_does_not_differ_from_itself(outcomes: list[Outcome]) -> None:
    for measure in MEASURES:
        found = difference(measure, outcomes, outcomes)
        assert found is None or (found.change, found.low, found.high) == (0, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted), max_size=5))
def test_citing_again_or_more_never_loses_gold(spans: list[list[int]]) -> None:
    citations = [cite(STEEL, start, end) for start, end in spans]
    golds = (DUTY, BEGAN)
    found = set(cited_gold(golds, citations))
    assert found == set(cited_gold(golds, citations * 2))
    assert found <= set(cited_gold(golds, [*citations, cite(STEEL, 0, 33)]))


@given(st.text("ab. \n\t", min_size=1, max_size=40), st.data())
def test_a_quote_is_located_where_it_was_taken(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))]
    spans = locate(quote, text)
    assert bool(spans) is bool(quote.strip())
    assert all(fold(text[s:e]) == fold(quote) for s, e in spans)
