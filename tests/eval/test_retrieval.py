"""The retrieval harness: sets and qrels, what a ranking is worth, the bootstrap, systems, results, the command line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.__main__ import main
from eval.benchmarks.retrieval import RetrievalOptions, benchmark, compare_results, read_result, without_questions
from eval.datasets.qrels import Qrels, RetrievalQuery, choose, joined, read_retrieval_set, words_of
from eval.product import build_index
from eval.ranking import Ranking, answer_values, answerable, article_values, holds, nearest_rank, paired, ranking
from eval.systems import SYSTEMS, USUAL, Bench, SharedEncoder, System, check_systems, fuse_ranks
from rag.evaluation.questions import EvalError
from rag.evaluation.runs import Json
from rag.index.reader import Index, Snapshot
from rag.types import Article, Hit, Passage
from tests.conftest import SEEDS, HashEncoder

LEBLANC = "Who is president of the Canadian Vehicle Manufacturers' Association?"
EXPORTS = "What share of Canadian exports is destined for the U.S. market?"
THRONE = "Who delivered the Speech from the Throne in May?"


def quietly(stage: str, done: int, total: int) -> None: ...


def qrels(relevant: dict[str, dict[str, int]], *queries: RetrievalQuery) -> Qrels:
    return Qrels("mine", "", queries or tuple(RetrievalQuery(id_, f"{id_}?") for id_ in relevant), relevant)


def hit(article: str, text: str = "text", rank: int = 1) -> Hit:
    return Hit(rank, 1.0, Passage(Article(article, f"{article}.txt", text), 0, len(text)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A retrieval set over the five seeds: three questions, one of them in both qrels."""
    return write_set(tmp_path / "news")


def write_set(path: Path, **files: str) -> Path:
    path.mkdir()
    articles = [
        {"id": f"s{n}", "text": file.read_text(encoding="utf-8")} for n, file in enumerate(sorted(SEEDS.glob("*.txt")))
    ]
    with gzip.open(path / "articles.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(article) + "\n" for article in articles)
    questions: list[dict[str, Any]] = [
        {"id": "q1", "question": LEBLANC, "date": "2025/10/01", "choices": ["Flavio Volpe", "Brian Kingston"]},
        {"id": "q2", "question": EXPORTS, "date": "2025/10/02", "choices": ["75 %", "half"]},
        {"id": "q3", "question": THRONE, "date": "2025/10/03", "choices": ["the President", "King Charles III"]},
    ]
    for question, answer in zip(questions, ("1", "0", "1"), strict=True):
        question["answer"] = [answer]
    (path / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions), encoding="utf-8")
    (path / "qrels-all.tsv").write_text("q1\t0\ts2\t1\nq2\t0\ts3\t1\nq3\t0\ts1\t1\n", encoding="utf-8")
    (path / "qrels-two.tsv").write_text("q3\t0\ts1\t2\nq3\t0\tgone\t1\nq1\t0\ts4\t0\n", encoding="utf-8")
    for name, text in files.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


def test_two_questions_are_joined() -> None:
    asked = [
        RetrievalQuery("b", "Where was it held?", "2025-10-02"),
        RetrievalQuery("a", "Who won the race? ", "2025-10-01"),
        RetrievalQuery("c", "True or false: it rained.", "2025-10-01"),  # is no question that "and" could go before
        RetrievalQuery("e", "When did it end?", "2025-10-03"),
        RetrievalQuery("d", "Which team lost?", "2025-10-03"),  # both are told in the same article
        RetrievalQuery("f", "Why?", "2025-10-04"),  # nothing is left to join it with
    ]
    relevant = {"a": {"x": 1}, "b": {"y": 2}, "c": {"x": 1}, "d": {"x": 1, "z": 1}, "e": {"z": 1}, "f": {"y": 1}}
    found = joined(qrels(relevant, *asked))
    assert found.queries == (RetrievalQuery("a+b", "Who won the race, and where was it held?", "2025-10-02"),)
    assert found.relevant == {"a+b": {"x": 1, "y": 2}}


def scripted(answers: dict[str, list[str]]) -> System:
    """A system that returns, for a query, the first passage of each article named."""

    def search(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
        articles = [snap.article(id_) for id_ in answers.get(query, [])]
        passages = [snap.article_passages(article)[0] for article in articles if article]
        return [Hit(rank, 1.0, passage) for rank, passage in enumerate(passages, start=1)]

    return System(search)


def bench_run(folder: Path, cache: Path, **options: Any) -> Json:
    """Index the set with the hash encoder and run it."""
    of, encoder = read_retrieval_set(folder), HashEncoder()
    index, _ = build_index(of.articles, cache, encoder, quietly)
    return benchmark(of, Index.open(index, encoder), encoder, cache, RetrievalOptions(**options), quietly)


# --- sets


def test_a_set_is_read(folder: Path) -> None:
    of = read_retrieval_set(folder)
    assert (of.name, of.articles.name, [q.name for q in of.qrels]) == ("news", "articles.jsonl.gz", ["all", "two"])
    assert of.qrels[0].queries[0] == RetrievalQuery("q1", LEBLANC, "2025-10-01", ("Brian Kingston",))
    assert of.qrels[0].relevant == {"q1": {"s2": 1}, "q2": {"s3": 1}, "q3": {"s1": 1}}
    assert of.qrels[1].relevant == {"q3": {"s1": 2, "gone": 1}}
    assert [query.id for query in of.qrels[1].queries] == ["q3"]
    assert [q.name for q in read_retrieval_set(folder, only="qrels-two").qrels] == ["two"]
    assert [q.name for q in read_retrieval_set(folder, only="two").qrels] == ["two"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("articles.jsonl", "{}", "holds 2 of articles.jsonl and articles.jsonl.gz: put one there"),
        ("questions.jsonl", '{"question": "?"}', "questions.jsonl:1 has no 'id' or no 'question'"),
        ("questions.jsonl", '{"id": 1, "question": "?"}\n' * 2, "questions.jsonl:2 id '1' is given twice"),
        ("questions.jsonl", '{"id": "a", "question": "?", "date": "03/04/2025"}', ":1 date is '03/04/2025'"),
        ("questions.jsonl", '{"id": "a", "question": "?", "choices": ["x"], "answer": ["1"]}', ":1 answer ['1'] is no"),
        ("questions.jsonl", '{"id": "a", "question": "?", "choices": ["x"], "answer": ["-1"]}', ":1 answer ['-1'] is"),
        ("qrels-two.tsv", "q1 0 s1", "qrels-two.tsv:1 is not question, 0, article, relevance"),
        ("qrels-two.tsv", "q1 0 s1 1\nq9 0 s1 1", "qrels-two.tsv:2 question 'q9' is not in questions.jsonl"),
        ("qrels-two.tsv", "q1 0 s1 0", "qrels-two.tsv names no relevant article"),
    ],
)
def test_what_is_wrong_with_a_set_is_said(folder: Path, file: str, text: str, message: str) -> None:
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(EvalError) as caught:
        read_retrieval_set(folder)
    assert message in str(caught.value)


def test_a_set_without_its_files_is_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="no retrieval set"):
        read_retrieval_set(tmp_path / "none")
    with pytest.raises(EvalError, match="holds no qrels 'three': there are all, two"):
        read_retrieval_set(folder, only="three")
    for path in folder.glob("qrels*"):
        path.unlink()
    with pytest.raises(EvalError, match=r"holds no qrels: there are no qrels\*\.tsv files"):
        read_retrieval_set(folder)


def test_the_earlier_half_of_the_days_is_for_tuning() -> None:
    days = ("2025-01-03", "2025-01-01", "2025-01-01", "2025-01-02", None)
    queries = [RetrievalQuery(f"q{n}", "?", day) for n, day in enumerate(days)]
    of = qrels({query.id: {"a": 1} for query in queries}, *queries)

    def ids(**options: Any) -> list[str]:
        chosen = choose(of, **options)
        assert list(chosen.relevant) == [query.id for query in chosen.queries]
        return [query.id for query in chosen.queries]

    assert ids() == ["q0", "q1", "q2", "q3", "q4"]
    assert ids(half="tune") == ["q1", "q2", "q3"]
    assert ids(half="test") == ["q0"]
    assert ids(half="tune", limit=2) == ["q1", "q2"]


# --- what a ranking is worth


def test_articles_are_ranked_by_their_best_passage() -> None:
    hits = [hit("b", "first"), hit("a"), hit("b", "second")]
    assert ranking(hits, 2.0) == Ranking(("b", "a"), (("b", "first"), ("a", "text"), ("b", "second")), 2.0)
    assert ranking(hits, 2.0, whole_articles=True).passages == ()
    assert len(ranking([hit("a")] * 20, 0.0).passages) == 10


def test_article_measures_by_hand() -> None:
    of = qrels({"second": {"a": 1}, "graded": {"a": 1, "b": 2}, "late": {"a": 1}, "none": {"a": 1}, "six": {"a": 1}})
    others = tuple(f"x{n}" for n in range(20))
    found = article_values(
        of,
        {
            "second": Ranking(("x", "a")),
            "graded": Ranking(("a", "x", "b")),
            "late": Ranking((*others[:10], "a")),
            "six": Ranking((*others[:5], "a")),
            "stranger": Ranking(("a",)),
        },
    )
    assert found["Hits@1"] == {"second": 0, "graded": 1, "late": 0, "none": 0, "six": 0}
    assert found["Hits@5"] == {"second": 1, "graded": 1, "late": 0, "none": 0, "six": 0}
    assert found["Hits@10"] == {"second": 1, "graded": 1, "late": 0, "none": 0, "six": 1}
    assert found["R@5"] == {"second": 1, "graded": 1, "late": 0, "none": 0, "six": 0}
    assert found["MRR@10"] == pytest.approx({"second": 1 / 2, "graded": 1, "late": 0, "none": 0, "six": 1 / 6})
    assert found["nDCG@10"] == pytest.approx(
        {
            "second": 1 / log2(3),
            "graded": (1 + 2 / log2(4)) / (2 + 1 / log2(3)),
            "late": 0,
            "none": 0,
            "six": 1 / log2(7),
        }
    )


def test_what_was_folded_into_a_passage_counts_at_its_rank() -> None:
    copies = tuple(hit(id_).passage for id_ in ("wire", "gold", "wire"))
    found = ranking([hit("a"), replace(hit("b", "in Lyon"), also=copies), hit("gold"), hit("b")], 0.0)
    assert found.articles == ("a", "b", "gold")
    assert found.also == {"b": ("wire", "gold")}
    query = RetrievalQuery("q", "?", None, ("Lyon",))
    measured = article_values(qrels({"q": {"gold": 1}}, query), {"q": found})
    assert (measured["MRR@10"], measured["R@5"]) == ({"q": 1 / 2}, {"q": 1.0})
    assert answer_values(qrels({"q": {"gold": 1}}, query), {"q": found}, ["q"])["Answer@5"] == {"q": 1.0}
    own = article_values(qrels({"q": {"b": 1, "gold": 1}}, query), {"q": found})  # "b" stands for itself
    assert (own["MRR@10"], own["R@5"]) == ({"q": 1 / 2}, {"q": 1.0})


def test_every_query_counts_when_nothing_is_found_at_all() -> None:
    found = article_values(qrels({"q1": {"a": 1}, "q2": {"b": 1}}), {})
    assert all(values == {"q1": 0.0, "q2": 0.0} for values in found.values())


@pytest.mark.parametrize(
    ("answer", "text", "stands"),
    [
        ("“Squid Game”", "Netflix renewed SQUID GAME.", True),
        ("Beyoncé", "beyonce's tour", True),
        ("75 %", "over 75% of exports", True),
        ("5 %", "over 75% of exports", False),
        ("Iran", "the Iranian team", False),
        ("New York", "new\nYork", True),
        ("—", "anything — at all", False),
    ],
)
def test_an_answer_stands_in_a_text_as_whole_words(answer: str, text: str, stands: bool) -> None:
    assert holds(words_of(text), RetrievalQuery("q", "?", None, ("never", answer))) is stands


@given(st.text(max_size=20), st.text(max_size=20))
def test_words_are_folded_once_and_for_all(a: str, b: str) -> None:
    assert words_of(words_of(a)) == words_of(a)
    if words_of(a).strip():
        assert holds(words_of(f"{b} {a} {b}"), RetrievalQuery("q", "?", None, (a,)))


def test_an_answer_counts_only_in_a_passage_of_a_relevant_article() -> None:
    queries = [RetrievalQuery(id_, "?", None, ("Lyon",)) for id_ in ("early", "other", "late", "unasked", "gone")]
    queries.append(RetrievalQuery("silent", "?"))
    of = qrels({query.id: {"a": 1} for query in queries} | {"unasked": {"c": 1}, "gone": {"lost": 1}}, *queries)
    among = answerable(of, {"a": "They met in Lyon.", "b": "Lyon again", "c": "Paris"})
    assert among == ("early", "other", "late")
    here, there, elsewhere = ("a", "in Lyon"), ("b", "Lyon again"), ("a", "They met")
    found = answer_values(
        of,
        {
            "early": Ranking((), (there, elsewhere, here)),
            "other": Ranking((), (there, elsewhere)),
            "late": Ranking((), (elsewhere,) * 5 + (here,)),
        },
        among,
    )
    assert found == {
        "Answer@5": {"early": 1.0, "other": 0.0, "late": 0.0},
        "Answer@10": {"early": 1.0, "other": 0.0, "late": 1.0},
    }
    assert answer_values(of, {}, among)["Answer@10"] == {"early": 0.0, "other": 0.0, "late": 0.0}


# --- the bootstrap


def values(*numbers: float) -> dict[str, float]:
    return {f"q{n}": number for n, number in enumerate(numbers)}


def test_a_difference_that_every_question_shows_is_certain() -> None:
    found = paired(values(0, 0, 0), values(1, 1, 1), seed=1)
    assert (found.n, found.a, found.b, found.change, found.low, found.high) == (3, 0, 1, 1, 1, 1)
    assert found.p == 2 / 10_001


def test_no_difference_is_none() -> None:
    found = paired(values(0.1, 0.7), values(0.1, 0.7), seed=1)
    assert (found.change, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_one_question_of_sixteen_makes_no_difference() -> None:
    found = paired(values(*[1] * 16), values(0, *[1] * 15), seed=1)
    assert (found.change, found.high) == (-1 / 16, 0)
    # Drawn anew, the one question is missing with probability (15/16)^16, and the difference is then 0.
    assert found.p == pytest.approx(2 * (15 / 16) ** 16, abs=0.02)


def test_the_interval_is_that_of_the_mean() -> None:
    a, b = values(*[0] * 400), values(*[1, 0] * 200)
    found = paired(a, b, seed=1)
    # The standard error of a share of 1/2 over 400 questions is 0.025.
    assert (found.low, found.high) == pytest.approx((0.5 - 1.96 * 0.025, 0.5 + 1.96 * 0.025), abs=0.004)


def test_the_bootstrap_is_seeded() -> None:
    a, b = values(0.1, 0.9, 0.4, 0.3), values(0.8, 0.2, 0.9, 0.5)
    assert paired(a, b, seed=3) == paired(a, b, seed=3)
    assert paired(a, b, seed=3) != paired(a, b, seed=4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_the_other_way_round_is_the_opposite(pairs: list[tuple[float, float]]) -> None:
    a, b = values(*(x for x, _ in pairs)), values(*(y for _, y in pairs))
    one, two = paired(a, b, seed=1, draws=200), paired(b, a, seed=1, draws=200)
    assert (two.low, two.high, two.p) == pytest.approx((-one.high, -one.low, one.p))
    assert one.low <= one.high


def test_only_shared_questions_are_paired() -> None:
    assert paired({"x": 1.0, "y": 0.0}, {"y": 1.0, "z": 0.0}, seed=1).n == 1
    with pytest.raises(ValueError, match="no question in common"):
        paired({"x": 1.0}, {"y": 1.0}, seed=1)


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (75, 3.0), (95, 9.0), (0, 1.0)])
def test_percentiles_are_values_that_occur(percent: float, expected: float) -> None:
    assert nearest_rank([9.0, 1.0, 3.0, 2.0], percent) == expected


# --- systems


def test_rank_fusion_by_hand() -> None:
    fused = fuse_ranks([[(1, 9.0), (2, 8.0)], [(2, 0.5), (3, 0.4)]])
    assert [id_ for id_, _ in fused] == [2, 1, 3]
    assert [score for _, score in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])
    assert [id_ for id_, _ in fuse_ranks([[(7, 1.0)], [(4, 1.0)]])] == [4, 7]


def test_a_query_is_encoded_once_and_charged_to_each() -> None:
    inner = HashEncoder()
    shared = SharedEncoder(inner)
    first = shared.encode(["who"])
    assert shared.charge == 0
    assert (shared.encode(["who"]) == first).all()
    once = shared.charge
    shared.encode(["who"])
    assert shared.charge == pytest.approx(2 * once) != 0
    shared.reset()
    assert shared.encode(["who", "when"]).shape == (2, 32)
    assert (shared.charge, inner.encoded) == (0, ["who", "who", "when"])


def test_an_unknown_system_or_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        EvalError, match="no system 'luck': there are bm25, dense, rrf, fused, dated, default, collapsed, txtai"
    ):
        check_systems(["bm25", "luck"])
    monkeypatch.setattr("eval.systems.find_spec", lambda name: None)
    with pytest.raises(EvalError, match=r"txtai needs txtai: run `pip install -e '\.\[bench\]'`"):
        RetrievalOptions(systems=("txtai",))
    assert RetrievalOptions(systems=("dense", "bm25")).names == ("bm25", "dense")


def test_the_usual_systems_search_one_index(folder: Path, tmp_path: Path) -> None:
    encoder = HashEncoder()
    of = read_retrieval_set(folder)
    path, report = build_index(of.articles, tmp_path / "cache", encoder, quietly)
    assert (report.added, report.failed) == (5, 0)
    index = Index.open(path, encoder)
    bench = Bench(index, encoder, tmp_path, depth=4)
    with index.snapshot() as snap:
        found = {name: SYSTEMS[name].search(bench, snap, EXPORTS, None) for name in USUAL}
        words = [id_ for id_, _ in snap.lexical.search(EXPORTS, 4)]
        near = [id_ for id_, _ in snap.dense.search(encoder.encode([EXPORTS])[0], 4)]
        assert [hit.passage for hit in found["bm25"]] == snap.passages(words)
        assert [hit.passage for hit in found["dense"]] == snap.passages(near)
    assert {name: [hit.rank for hit in hits] for name, hits in found.items()} == {name: [1, 2, 3, 4] for name in found}
    assert "75%" in found["bm25"][0].passage.text
    assert all(hits[0].passage.article.id == "s3" for hits in found.values())


def test_txtai_ranks_whole_articles_from_an_index_it_keeps(
    folder: Path, tmp_path: Path, seed_index: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("txtai")
    encoder = request.getfixturevalue("encoder")
    index = Index.open(seed_index, encoder)

    def found() -> list[str]:
        with index.snapshot() as snap:
            hits = SYSTEMS["txtai"].search(Bench(index, encoder, tmp_path, 3), snap, EXPORTS, None)
        assert all(hit.passage.text == hit.passage.article.text for hit in hits)
        return [hit.passage.article.path for hit in hits]

    first = found()
    assert (len(first), first[0]) == (3, "003_ca2423bb0508c6d9.txt")
    (kept,) = tmp_path.glob("txtai-*")
    written = kept.stat().st_mtime_ns
    assert found() == first
    assert kept.stat().st_mtime_ns == written


# --- the index of a set


def test_only_the_articles_are_indexed_and_only_once(folder: Path, tmp_path: Path) -> None:
    encoder, of = HashEncoder(), read_retrieval_set(folder)
    index, first = build_index(of.articles, tmp_path / "cache", encoder, quietly)
    assert (first.added, first.failed, first.encoded) == (5, 0, first.passages)
    _, second = build_index(of.articles, tmp_path / "cache", encoder, quietly)
    assert (second.unchanged, second.encoded) == (5, 0)

    plain = folder / "articles.jsonl"
    plain.write_text(json.dumps({"id": "new", "text": "A wholly different article."}) + "\n", encoding="utf-8")
    _, third = build_index(plain, tmp_path / "cache", encoder, quietly)
    assert (third.added, third.removed) == (1, 5)
    with Index.open(index, encoder).snapshot() as snap:
        assert [article.id for article in snap.articles()] == ["new"]


# --- results


@pytest.fixture
def results(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Json, Json]:
    """Two runs of a scripted system: the first finds the article of q1 and q2, the second that of q2 and q3."""
    monkeypatch.setitem(SYSTEMS, "one", scripted({LEBLANC: ["s2"], EXPORTS: ["s0", "s3"]}))
    a = bench_run(folder, tmp_path / "cache", systems=("one",))
    monkeypatch.setitem(SYSTEMS, "one", scripted({EXPORTS: ["s3"], THRONE: ["s0", "s2", "s1"]}))
    return a, bench_run(folder, tmp_path / "cache", systems=("one",))


def test_a_result_holds_numbers_and_ids_and_no_text(results: tuple[Json, Json]) -> None:
    found, _ = results
    assert set(found) == {"format", "command", "set", "settings", "made", "versions", "git", "machine", "qrels"}
    assert found["settings"]["systems"] == ["bm25", "one"]
    assert (found["set"]["articles"], found["set"]["half"], found["settings"]["draws"]) == (5, "all", 10_000)
    of = found["qrels"]["all"]
    assert (of["questions"], of["answerable"], of["missing"]) == (3, 3, 0)
    assert of["systems"]["one"]["questions"] == {
        "Hits@5": {"q1": 1.0, "q2": 1.0, "q3": 0.0},
        "MRR@10": {"q1": 1.0, "q2": 0.5, "q3": 0.0},
    }
    measures = of["systems"]["one"]["measures"]
    assert list(measures["MRR@10"]) == ["n", "value", "change", "low", "high", "p"]
    assert (measures["MRR@10"]["n"], measures["MRR@10"]["value"]) == (3, 0.5)
    base = of["systems"]["bm25"]["measures"]
    assert base["MRR@10"] == {"n": 3, "value": 1.0}
    assert measures["MRR@10"]["change"] == -0.5
    assert (base["Answer@5"], base["Answer@10"]) == ({"n": 3, "value": 1.0}, {"n": 3, "value": 1.0})
    assert measures["Answer@5"]["value"] == 1 / 3  # of these first passages only that of q1 names who is asked for
    assert set(of["systems"]["one"]["ms"]) == {"p50", "p95"}
    two = found["qrels"]["two"]
    assert (two["questions"], two["missing"]) == (1, 1)
    assert two["systems"]["bm25"]["measures"]["R@5"] == {"n": 1, "value": 0.5}
    written = json.dumps(found)
    assert not any(words in written for words in ("Canad", "Throne", "Kingston"))
    assert "questions" not in without_questions(found)["qrels"]["all"]["systems"]["one"]


def test_two_results_are_compared_question_by_question(results: tuple[Json, Json]) -> None:
    found = compare_results(*results, seed=20)
    assert found["same_files"] is True
    rows = found["qrels"]["all"]["one"]
    assert (rows["shared"], rows["gained"], rows["lost"], rows["unchanged"]) == (3, ["q3"], ["q1"], 1)
    hits, rr = rows["measures"]["Hits@5"], rows["measures"]["MRR@10"]
    assert (hits["n"], hits["a"], hits["b"], hits["change"]) == (3, 2 / 3, 2 / 3, 0)
    assert rr["change"] == pytest.approx((1 + 1 / 3) / 3 - 0.5)
    assert found["qrels"]["all"]["bm25"]["unchanged"] == 3
    only = compare_results(*results, seed=20, systems=("one",), qrels="two")
    assert {name: list(systems) for name, systems in only["qrels"].items()} == {"two": ["one"]}
    with pytest.raises(EvalError, match="share no questions"):
        compare_results(*results, seed=20, systems=("dense",))


def test_a_half_without_questions_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="qrels without a question of half 'test'"):
        bench_run(folder, tmp_path / "cache", half="test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("[]", "is no result of"),
        ('{"command": "answers", "format": 1}', "of another version or command"),
        ('{"command": "retrieval", "format": 1, "qrels": {"a": {"systems": {"b": {}}}}}', "is no result of"),
    ],
)
def test_what_is_no_result_cannot_be_compared(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(EvalError, match=message):
        read_result(path)


# --- the command line


def folded(text: str) -> list[str]:
    """The lines of a table, columns one space apart."""
    return [" ".join(line.split()) for line in text.splitlines()]


def run(folder: Path, out: Path, *options: str) -> int:
    return main(["retrieval", str(folder), "--cache", str(out / "cache"), "--out", str(out / "results"), *options])


def test_a_run_is_printed_written_and_compared(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, tmp_path, "--systems", "bm25,default") == 0
    out, err = capsys.readouterr()
    lines = folded(out)
    assert "news, all: 3 questions (half: all), 5 articles, " in lines[0] + " "
    assert "measure system n value - bm25 95 % p" in lines
    assert "Hits@1 bm25 3 1.000" in lines
    assert "default 3 1.000 +0.000 +0.000 to +0.000 1.0000" in lines
    assert "two: 1 relevant articles are not in the index and cannot be found" in err
    (first,) = (tmp_path / "results").iterdir()
    assert first.name == "retrieval-news.json"
    assert err.splitlines()[-1] == f"written to {first}"
    kept = first.rename(tmp_path / "a.json")

    assert run(folder, tmp_path, "--qrels", "all", "--limit", "2", "--json", "--half", "tune") == 0
    content = json.loads(capsys.readouterr().out)
    assert list(content["qrels"]) == ["all"]
    assert content["qrels"]["all"]["questions"] == 2
    assert list(content["qrels"]["all"]["systems"]) == [
        "bm25",
        "dense",
        "rrf",
        "fused",
        "dated",
        "default",
        "collapsed",
    ]
    second = Path(content["file"])

    assert main(["retrieval", "--compare", str(kept), str(second)]) == 0
    lines = folded(capsys.readouterr().out)
    assert "bm25 Hits@5 2 1.000 1.000 +0.000 +0.000 to +0.000 1.0000" in lines
    assert "default 0 0 2" in lines
    assert main(["retrieval", "--compare", str(kept), str(second), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["qrels"]["all"]["bm25"]["shared"] == 2


def test_an_index_given_is_asked(tmp_path: Path, seed_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "given", **{"qrels-two.tsv": "q2 0 nowhere 1\n"})
    assert run(folder, tmp_path, "--index", str(seed_index), "--systems", "dense", "--baseline", "dense") == 0
    out, err = capsys.readouterr()
    assert "Hits@1 dense 3 0.000" in folded(out)  # the index names its articles otherwise
    assert "all: 3 relevant articles are not in the index and cannot be found" in err
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "wrong", [[], ["x", "--compare", "a", "b"], ["x", "--limit", "0"], ["x", "--depth", "no"], ["x", "--half", "train"]]
)
def test_wrong_usage_exits_2(wrong: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["retrieval", *wrong])
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_what_cannot_be_run_is_one_line_and_exit_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none", tmp_path) == 1
    assert run(folder, tmp_path, "--systems", "luck") == 1
    assert run(folder, tmp_path, "--baseline", "luck") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: no ") for line in lines)
    assert not (tmp_path / "cache").exists()
