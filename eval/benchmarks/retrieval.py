"""Run retrieval systems over a retrieval set, measure them against a baseline, and compare two such results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from eval.datasets.qrels import Qrels, RetrievalQuery, RetrievalSet, choose, joined
from eval.ranking import DRAWS, Ranking, answer_values, answerable, article_values, nearest_rank, paired, ranking
from eval.systems import SYSTEMS, USUAL, Bench, SharedEncoder, System, check_systems
from rag.evaluation.questions import EvalError
from rag.evaluation.runs import Json, provenance
from rag.index.check import status
from rag.index.reader import Index, Snapshot
from rag.index.staging import Progress
from rag.models.base import Encoder

FORMAT = 1
COMPARED = ("Hits@5", "MRR@10")  # kept question by question


@dataclass(frozen=True, kw_only=True)
class RetrievalOptions:
    """How the benchmark is run.

    Attributes:
        systems: names; the baseline is always run.
        limit: number of questions of each qrels; None asks all.
        joined: join two questions into one, and look for the articles of both.
        depth: passages that a system returns.
        seed: of the bootstrap.
    """

    systems: tuple[str, ...] = USUAL
    baseline: str = "bm25"
    half: str = "all"
    limit: int | None = None
    joined: bool = False
    depth: int = 100
    seed: int = 20

    @property
    def names(self) -> tuple[str, ...]:
        """The systems, the baseline first, each once."""
        return tuple(dict.fromkeys((self.baseline, *self.systems)))

    def __post_init__(self) -> None:
        if not find_spec("ir_measures"):
            raise EvalError("measuring needs ir-measures: run `pip install -e '.[dev]'`")
        check_systems(self.names)


def benchmark(
    of: RetrievalSet, index: Index, encoder: Encoder, cache: Path, options: RetrievalOptions, progress: Progress
) -> Json:
    """Ask every system every question and return the whole result: ids and numbers, no text.

    Raises:
        EvalError: no question is left to ask.
        OnRecordError: a system failed.
    """
    chosen = [choose(qrels, options.half, options.limit) for qrels in of.qrels]
    if options.joined:
        chosen = [joined(qrels) for qrels in chosen]
    queries = list({query.id: query for qrels in chosen for query in qrels.queries}.values())
    if not all(qrels.queries for qrels in chosen):
        what = "two questions to join" if options.joined else "a question"
        raise EvalError(f"{of.name} has qrels without {what} of half {options.half!r}: leave --half or --limit out")
    shared = SharedEncoder(encoder)
    bench = Bench(index, shared, cache, options.depth)
    encoder.encode([queries[0].text])  # the first call takes longer and is not timed
    for query in queries:
        shared.encode([query.text])
    rankings = {name: _ask(SYSTEMS[name], bench, shared, queries, partial(progress, name)) for name in options.names}
    with index.snapshot() as snap:
        return {
            "format": FORMAT,
            "command": "retrieval",
            "set": {"name": of.name, "sha256": dict(of.digests), "half": options.half, **_size(index.path)},
            "settings": asdict(options) | {"systems": list(options.names), "draws": DRAWS, "encoder": encoder.name},
            **provenance(),
            "qrels": {qrels.name: _measured(qrels, rankings, snap, options) for qrels in chosen},
        }


def _ask(
    system: System,
    bench: Bench,
    encoder: SharedEncoder,
    queries: Sequence[RetrievalQuery],
    progress: Callable[[int, int], None],
) -> dict[str, Ranking]:
    """Ask a system the queries one by one, each in its own snapshot, as a user's question is."""
    found = {}
    for done, query in enumerate([queries[0], *queries]):  # the first one twice: loading is not timed
        encoder.reset()
        started = time.perf_counter()
        with bench.index.snapshot() as snap:
            hits = system.search(bench, snap, query.text, query.date)
        ms = (time.perf_counter() - started) * 1000 + encoder.charge
        found[query.id] = ranking(hits, ms, system.whole_articles)
        progress(done, len(queries))
    return found


def _size(index: Path) -> Json:
    """Return the size of the index."""
    found = status(index)
    return {key: found[key] for key in ("articles", "passages", "generation")}


def _measured(
    qrels: Qrels, rankings: Mapping[str, Mapping[str, Ranking]], snap: Snapshot, options: RetrievalOptions
) -> Json:
    """Measure all systems over the questions of one qrels."""
    wanted = {id_ for articles in qrels.relevant.values() for id_ in articles}
    texts = {id_: article.text for id_ in wanted if (article := snap.article(id_))}
    among = answerable(qrels, texts)
    values = {name: article_values(qrels, found) for name, found in rankings.items()}
    for name, found in rankings.items():
        if not SYSTEMS[name].whole_articles and among:
            values[name] |= answer_values(qrels, found, among)
    base = values[options.baseline]
    return {
        "sha256": qrels.digest,
        "questions": len(qrels.queries),
        "answerable": len(among),
        "missing": len(wanted) - len(texts),
        "systems": {
            name: {
                "measures": {key: _value(base.get(key), values[name][key], options.seed) for key in values[name]},
                "ms": _latency([found[query.id].ms for query in qrels.queries]),
                "questions": {key: values[name][key] for key in COMPARED},
            }
            for name, found in rankings.items()
        },
    }


def _value(base: Mapping[str, float] | None, values: Mapping[str, float], seed: int) -> Json:
    """Return the mean over the questions and, unless this is the baseline, its difference from the baseline."""
    found: Json = {"n": len(values), "value": sum(values.values()) / len(values)}
    if base is None or base is values:
        return found
    against = paired(base, values, seed)
    return found | {"change": against.change, "low": against.low, "high": against.high, "p": against.p}


def _latency(ms: Sequence[float]) -> Json:
    return {f"p{percent}": round(nearest_rank(ms, percent), 3) for percent in (50, 95)}


def without_questions(result: Json) -> Json:
    """Return the result without its single questions."""
    return result | {
        "qrels": {
            name: qrels
            | {"systems": {of: {k: v for k, v in s.items() if k != "questions"} for of, s in qrels["systems"].items()}}
            for name, qrels in result["qrels"].items()
        }
    }


# --- two results


def read_result(path: Path) -> Json:
    """Read a file that a run wrote.

    Raises:
        EvalError: it cannot be read, or is not such a file.
    """
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
        if content["command"] != "retrieval" or content["format"] != FORMAT:
            raise EvalError(f"{path} is of another version or command: run `python -m eval retrieval` again")
        for qrels in content["qrels"].values():
            for system in qrels["systems"].values():
                for key in COMPARED:
                    if not all(isinstance(value, float) for value in system["questions"][key].values()):
                        raise TypeError(f"{key} is not all numbers")
    except OSError as error:
        raise EvalError(f"{path} cannot be read ({error.strerror}): give a file of eval/results") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvalError(f"{path} is no result of `python -m eval retrieval` ({error!r}): run the set again") from error
    return content


def compare_results(a: Json, b: Json, seed: int, systems: Sequence[str] = (), qrels: str | None = None) -> Json:
    """Compare b with a, system by system and question by question, for `systems` and `qrels` only where given.

    A question is gained when only b has a relevant article among its first five, lost when only a has.

    Raises:
        EvalError: they have no system in common that was asked the same questions.
    """
    found: Json = {}
    for name in _both(a["qrels"], b["qrels"], [qrels.removeprefix("qrels-")] if qrels else ()):
        one, two = a["qrels"][name]["systems"], b["qrels"][name]["systems"]
        pairs = {of: (one[of]["questions"], two[of]["questions"]) for of in _both(one, two, systems)}
        rows = {of: _compared(x, y, seed) for of, (x, y) in pairs.items() if x[COMPARED[0]].keys() & y[COMPARED[0]]}
        if rows:
            found[name] = rows
    if not found:
        raise EvalError("the results share no questions of the same system and qrels: compare two runs of the same set")
    heads = [{key: of[key] for key in ("made", "set", "settings", "git")} for of in (a, b)]
    return {"a": heads[0], "b": heads[1], "same_files": _files(a, found) == _files(b, found), "qrels": found}


def _both(a: Iterable[str], b: Iterable[str], wanted: Sequence[str]) -> list[str]:
    there = set(b)
    return [name for name in a if name in there and (not wanted or name in wanted)]


def _compared(a: Mapping[str, Mapping[str, float]], b: Mapping[str, Mapping[str, float]], seed: int) -> Json:
    hits_a, hits_b = a[COMPARED[0]], b[COMPARED[0]]
    shared = [id_ for id_ in hits_a if id_ in hits_b]
    gained = [id_ for id_ in shared if hits_b[id_] > hits_a[id_]]
    lost = [id_ for id_ in shared if hits_b[id_] < hits_a[id_]]
    differences = {key: paired(a[key], b[key], seed) for key in COMPARED}
    return {
        "shared": len(shared),
        "gained": gained,
        "lost": lost,
        "unchanged": len(shared) - len(gained) - len(lost),
        "measures": {key: asdict(d) | {"change": d.change} for key, d in differences.items()},
    }


def _files(result: Json, qrels: Iterable[str]) -> Json:
    """Return file -> SHA-256 of the files that the result is about."""
    files: Json = result["set"]["sha256"]
    return files | {name: result["qrels"][name]["sha256"] for name in qrels}
