"""Measure time and memory in one run, beside the bare encoder, bare FAISS and another system.

Two indexes are built. The small one has some articles with real vectors; encoding is measured on it. The large one has
all articles with their real words and random vectors, which cost the same to store and to search.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from eval.benchmarks.vector_scale import DEPTH, TOP, nearest, openings, questions_of
from eval.datasets.rehearsal_encoders import Killed, Random, Twice
from eval.datasets.synthetic_articles import write_made_up
from eval.datasets.synthetic_vectors import real_vectors
from eval.ranking import nearest_rank
from eval.systems import model_path
from rag.evaluation.questions import EvalError
from rag.evaluation.runs import ROOT, Json, provenance
from rag.index import catalog
from rag.index import queries as stored
from rag.index.build import ENCODE_WINDOW, build
from rag.index.reader import Index
from rag.index.staging import Progress
from rag.models.base import Encoder
from rag.models.registry import load_encoder
from rag.retrieval.rerankers import NONE, EmbeddedReranker
from rag.types import Article

FORMAT = 1
MADE_UP = 3_000  # synthetic articles, when none are given
QUERIES = 100
READ_AGAIN = 50  # passages
RUNS = 5  # of a command; the median counts
K = 10
TIMEOUT = 1800.0  # seconds for one command
STARTED_AND_DONE = 2  # reports of the stage "writing"


@dataclass(frozen=True, kw_only=True)
class SpeedOptions:
    """What is measured.

    Attributes:
        archive: a folder of articles, or one file of them; None for synthetic ones.
        articles: number of articles that are encoded.
        questions: a file of JSON lines; None asks for titles.
        peer: "txtai", or None.
    """

    archive: Path | None = None
    articles: int = 200
    questions: Path | None = None
    peer: str | None = None

    def __post_init__(self) -> None:
        if self.peer and not find_spec(self.peer):
            raise EvalError(f"{self.peer} is not installed: run `pip install -e '.[bench]'`, or leave --peer out")
        if self.archive and not self.archive.exists():
            raise EvalError(f"{self.archive} does not exist: give a folder of articles, or a file of them")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        over: what it was measured on: "small", "large" or "peer".
        target: the most it may be, or the least if `least`; None when there is no target.
    """

    what: str
    over: str
    value: float | None
    unit: str = ""
    target: float | None = None
    least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a value or a target."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.least else self.value <= self.target


def bench(options: SpeedOptions, encoder: Encoder, report: Callable[[str], None], progress: Progress) -> Json:
    """Measure everything, in a folder that is removed afterwards.

    Raises:
        OnRecordError: something cannot be read, built or asked.
    """
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="onrecord-bench-") as folder:
        large, small = Path(folder, "large"), Path(folder, "small")
        report("putting the articles in place")
        _copy(options.archive, large / "seeds")
        report("all articles, words first")
        found = _large(large, options.questions, report, progress)
        report(f"{options.articles} articles in full")
        chosen = _choose(large / "index", options.articles, small / "seeds")
        found += _small(small, encoder, options, report, progress)
        return {
            "format": FORMAT,
            "command": "bench",
            "set": {
                "name": "articles" if options.archive else "made-up",
                "large": _size(large / "index"),
                "small": _size(small / "index"),
            },
            "settings": {"articles": chosen, "peer": options.peer, "encoder": encoder.name},
            "load": [round(load[0], 2), round(os.getloadavg()[0], 2)],
            **provenance(),
            "rows": [asdict(row) | {"met": row.met} for row in found],
        }


def _copy(archive: Path | None, seeds: Path) -> None:
    seeds.parent.mkdir(parents=True)
    if archive is None or archive.is_file():
        seeds.mkdir()
    if archive is None:
        write_made_up(MADE_UP, ROOT / "seeds", seeds / "articles.jsonl")
    elif archive.is_file():
        shutil.copyfile(archive, seeds / archive.name)
    else:
        shutil.copytree(archive, seeds)


def _choose(index: Path, count: int, seeds: Path) -> int:
    """Draw articles from an index, write them into a folder of their own, and return their number."""
    with Index.open(index).snapshot() as snap:
        articles = list(snap.articles())
    chosen = random.Random(20).sample(articles, min(count, len(articles)))  # noqa: S311 - no secret
    seeds.mkdir(parents=True)
    with (seeds / "articles.jsonl").open("w", encoding="utf-8") as file:
        for article in chosen:
            file.write(json.dumps(_record(article)) + "\n")
    return len(chosen)


def _record(article: Article) -> Json:
    fields = {key: getattr(article, key) for key in ("id", "title", "publisher", "published", "url", "text")}
    return {key: value for key, value in fields.items() if value is not None} | {"authors": list(article.authors)}


def _size(index: Path) -> Json:
    with Index.open(index).snapshot() as snap:
        return {"articles": sum(1 for _ in snap.articles()), "passages": len(snap.lexical)}


# --- all articles, with random vectors


def _large(folder: Path, questions: Path | None, report: Callable[[str], None], progress: Progress) -> list[Figure]:
    seeds, index = folder / "seeds", folder / "index"
    words_s, writing_s = _words_first(seeds, index, progress)
    report("the rest, cut off once")
    cut, rest = Random(left=10), Random()
    with suppress(Killed):
        build(seeds, index, cut, progress=progress)
    build(seeds, index, rest, progress=progress)
    twice = cut.encoded + rest.encoded - _texts(index)
    report("commands")
    queries = questions_of(questions) if questions else openings(index)
    unchanged = _command(folder, "build")
    with Index.open(index).snapshot() as snap:
        article = next(iter(snap.articles()))
    added = []
    for number in range(RUNS):
        # The title goes into what is encoded of every passage, so all of them are encoded.
        record = _record(article) | {"id": f"added {number}", "title": f"An article that was added, {number}"}
        (seeds / f"added-{number}.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
        added.append(_command(folder, "build", runs=1))
    asked = [_command(folder, "ask", query, runs=1) for query in [queries[0], *queries[:RUNS]]][1:]
    report("searches")
    plain, again = _readers(index, queries[:QUERIES])
    ours, bare = _beside_faiss(index, queries[:QUERIES])
    fifty = _read_again(index, queries[:QUERIES])
    return [
        Figure("an archive answers by its words", "large", words_s, "s", 60),
        Figure("of that, writing the word index", "large", writing_s, "s"),
        Figure("encoded again after a build was cut off", "large", twice, "texts", ENCODE_WINDOW),
        Figure("build, nothing changed", "large", unchanged, "s", 2),
        Figure("build, one article added", "large", median(added), "s", 3),
        Figure("cold `onrecord ask`", "large", median(asked), "s", 1.5),
        Figure("warm retrieval, p50", "large", nearest_rank(plain["ms"], 50), "ms", 25),
        Figure("warm retrieval, p95", "large", nearest_rank(plain["ms"], 95), "ms", 60),
        Figure("warm search, the best read again, p50", "large", nearest_rank(again["ms"], 50), "ms"),
        Figure("warm search, the best read again, p95", "large", nearest_rank(again["ms"], 95), "ms", 250),
        Figure(f"{READ_AGAIN} passages read again, median", "large", fifty, "ms", 150),
        Figure("vector search / bare FAISS, float32", "large", ours / bare, "×", 1),
        *_memory_rows("large", plain),
        *_memory_rows("large", again, "reader that reads again"),
    ]


def _words_first(seeds: Path, index: Path, progress: Progress) -> tuple[float | None, float | None]:
    """Build until the first text is encoded; return the seconds, and how many of these write the word index.

    Both are None for an archive so small that its word index is not written first.
    """
    writing: list[float] = []

    def timed(stage: str, done: int, total: int) -> None:
        if stage == "writing":
            writing.append(time.perf_counter())
        progress(stage, done, total)

    started = time.perf_counter()
    with suppress(Killed):
        build(seeds, index, Random(left=0), progress=timed)
    seconds = time.perf_counter() - started
    return (seconds, writing[1] - writing[0]) if len(writing) == STARTED_AND_DONE else (None, None)


def _texts(index: Path) -> int:
    """Return the number of different texts among the passages of an index."""
    with catalog.reader(index) as (connection, _):
        return int(connection.execute("SELECT count(DISTINCT vector_key) FROM passages").fetchone()[0])


def _command(folder: Path, command: str, *arguments: str, runs: int = RUNS) -> float:
    """Return the seconds that `onrecord` takes in a process of its own: the median, after one run that is not timed."""
    places = ["--index", str(folder / "index")] + (["--seeds", str(folder / "seeds")] if command == "build" else [])
    line = [sys.executable, "-m", "rag", command, *places, *(["--", *arguments] if arguments else [])]
    seconds = []
    for _ in range(runs + (runs > 1)):
        started = time.perf_counter()
        _process(line, "")
        seconds.append(time.perf_counter() - started)
    return median(seconds[-runs:])


def _process(line: Sequence[str], stdin: str) -> str:
    """Run a Python process in the checkout without any setting of the environment, and return its stdout."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ONRECORD_")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as for a user
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            line, input=stdin, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EvalError(f"{' '.join(line[1:4])} took more than {TIMEOUT:.0f} s: measure fewer articles") from error
    if done.returncode:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise EvalError(f"{' '.join(line[1:4])} failed: {last}")
    return done.stdout


def _reader(asked: Json) -> Json:
    found: Json = json.loads(_process([sys.executable, "-m", "eval.benchmarks.search_process"], json.dumps(asked)))
    return found


def _readers(index: Path, queries: Sequence[str]) -> tuple[Json, Json]:
    """Search without reranking, and with the default reranking."""
    asked = {"index": str(index), "queries": queries, "k": K}
    return _reader(asked | {"reranker": NONE}), _reader(asked)


def _memory_rows(over: str, reader: Json, who: str = "reader") -> list[Figure]:
    target = 600 if over == "large" else None
    return [
        Figure(
            f"memory of a {who}, {key.upper()}", over, None if reader[key] is None else reader[key] / 1e6, "MB", target
        )
        for key in ("rss", "uss")
    ]


def _beside_faiss(index: Path, queries: Sequence[str]) -> tuple[float, float]:
    """Return the median milliseconds of our vector search and of bare FAISS, in turns over the same vectors."""
    import faiss

    vectors = load_encoder().encode(list(queries))
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(real_vectors(index))
    ours, bare = list[float](), list[float]()
    with Index.open(index).snapshot() as snap:
        for vector in vectors:
            for search, times in (
                (lambda v: snap.dense.search(v, DEPTH), ours),
                (lambda v: flat.search(v[None, :], DEPTH), bare),
            ):
                started = time.perf_counter()
                search(vector)
                times.append((time.perf_counter() - started) * 1000)
    return median(ours), median(bare)


def _read_again(index: Path, queries: Sequence[str]) -> float | None:
    """Return the median milliseconds in which the embedded cross-encoder scores the passages that a query finds.

    None where no query finds enough passages.
    """
    reranker = EmbeddedReranker()
    times = []
    with Index.open(index).snapshot() as snap:
        for query in [queries[0], *queries]:
            passages = list(snap.passages(id_ for id_, _ in snap.lexical.search(query, READ_AGAIN)))
            started = time.perf_counter()
            reranker.scores(query, passages)
            if len(passages) == READ_AGAIN:
                times.append((time.perf_counter() - started) * 1000)
    return median(times[1:]) if len(times) > 1 else None


# --- some articles, with their own vectors


def _small(
    folder: Path, encoder: Encoder, options: SpeedOptions, report: Callable[[str], None], progress: Progress
) -> list[Figure]:
    seeds, index = folder / "seeds", folder / "index"
    twice = Twice(encoder)
    encoder.encode(["The first one takes longer."] * ENCODE_WINDOW)
    started = time.perf_counter()
    build(seeds, index, twice, progress=progress)
    seconds = time.perf_counter() - started - twice.seconds
    queries = (questions_of(options.questions) if options.questions else openings(index))[:QUERIES]
    bulk_per_s, cosine = _bulk(encoder, twice.texts)
    found = [
        Figure("build", "small", seconds, "s"),
        Figure("bare encoder", "small", len(twice.texts) / twice.seconds, "passages/s"),
        Figure("bare encoder of thousands of texts", "small", bulk_per_s, "passages/s"),
        Figure("cosine of its vectors to those, mean", "small", cosine, "", 0.999, True),
        Figure("build / bare encoder", "small", seconds / twice.seconds, "×", 1.15),
        Figure(f"recall@{TOP} of float16 against float32", "small", _recall(index, encoder, queries), "", 0.999, True),
    ]
    if options.peer:
        report(options.peer)
        found += _peer(index, twice.texts, queries, encoder, seconds)
    return found


def _bulk(encoder: Encoder, texts: Sequence[str]) -> tuple[float, float]:
    """Return the texts per second of the encoder of large builds, and the mean cosine of its vectors to ours."""
    bulk = load_encoder(encoder.name, many=True)
    bulk.encode(["The first one takes longer."] * ENCODE_WINDOW)
    started = time.perf_counter()
    vectors = np.concatenate([bulk.encode(texts[n : n + ENCODE_WINDOW]) for n in range(0, len(texts), ENCODE_WINDOW)])
    seconds = time.perf_counter() - started
    return len(texts) / seconds, float((vectors * encoder.encode(texts)).sum(axis=1).mean())


def _recall(index: Path, encoder: Encoder, queries: Sequence[str]) -> float:
    """Return the share of the exact nearest neighbours, in float32, that the index finds."""
    vectors = encoder.encode(list(queries))
    with catalog.reader(index) as (connection, meta):
        blocks = list(stored.vectors(connection, meta.dimension))
    exact = nearest(vectors, lambda: blocks)
    with Index.open(index).snapshot() as snap:
        found = [{id_ for id_, _ in snap.dense.search(vector, TOP)} for vector in vectors]
    return sum(len(a & b) for a, b in zip(found, exact, strict=True)) / sum(map(len, exact))


def _peer(index: Path, texts: Sequence[str], queries: Sequence[str], encoder: Encoder, build_s: float) -> list[Figure]:
    """Give txtai the same passages and model, with hybrid search and its other defaults."""
    theirs = _reader({"texts": list(texts), "model": model_path(encoder.name), "queries": queries, "k": K})
    plain, again = _readers(index, queries)
    p95, p95_again, p95_theirs = (nearest_rank(reader["ms"], 95) for reader in (plain, again, theirs))
    memory = None if plain["rss"] is None else plain["rss"] / theirs["rss"]
    return [
        Figure("build by txtai", "peer", theirs["build_s"], "s"),
        Figure("build, On Record / txtai", "peer", build_s / theirs["build_s"], "×", 1),
        Figure("search p95 of txtai", "peer", p95_theirs, "ms"),
        Figure("search p95, On Record / txtai", "peer", p95 / p95_theirs, "×", 1),
        Figure("the same with the best read again", "peer", p95_again / p95_theirs, "×"),
        *_memory_rows("peer", theirs, "process of txtai"),
        *_memory_rows("peer", plain, "reader of On Record"),
        Figure("memory, On Record / txtai", "peer", memory, "×", 1),
    ]
