"""Measure time, size and recall of the vector index at any size, against exact search.

A segment is scanned whole, or divided into IVF lists.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from eval.datasets.synthetic_vectors import Drawn, real_blocks
from eval.ranking import nearest_rank
from rag.evaluation.questions import EvalError, json_rows
from rag.evaluation.report import plain_table
from rag.evaluation.runs import Json, provenance
from rag.index import vectors
from rag.index.reader import Index
from rag.index.vectors import DenseIndex, Segment
from rag.models.base import Encoder, Floats, Ints

TOP = 10
DEPTH = 100  # passages that `rag.retrieval.hybrid` asks for
QUERIES = 200
FORMAT = 1

Blocks = Callable[[], Iterable[tuple[Ints, Floats]]]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a segment of so many vectors, or of the segments of an index.

    Attributes:
        cells: IVF lists, the most of several segments; 0 when scanned whole.
        build_s: seconds to build it of vectors in memory; None for an index that existed.
        megabytes: of its file, which a reader holds in memory; None likewise.
        recall: share of the exact nearest ten, in float32, that are among its nearest ten.
        p50_ms, p95_ms: time of a search for the nearest hundred, milliseconds.
    """

    vectors: int
    cells: int
    build_s: float | None
    megabytes: float | None
    recall: float
    p50_ms: float
    p95_ms: float


def scale(
    index: Path,
    encoder: Encoder,
    sizes: Sequence[int],
    questions: Path | None,
    report: Callable[[str], None],
    asked: int = QUERIES,
) -> Json:
    """Measure the index, segments of its own vectors, and segments of synthetic vectors of each of `sizes`.

    `eval.datasets.synthetic_vectors` draws these; `asked` is the number of questions.

    Raises:
        OnRecordError: the index or the questions cannot be read.
    """
    queries = encoder.encode(questions_of(questions, asked) if questions else openings(index, asked))
    real = real_blocks(index)
    own = sum(len(ids) for ids, _ in real)
    report(f"{own:,} vectors of the index")
    drawn = Drawn.of(np.concatenate([vectors for _, vectors in real])) if sizes else None
    costs = []
    for size in (0, *sizes):
        count = size or own

        def blocks(drawn_size: int = size) -> Iterable[tuple[Ints, Floats]]:
            return drawn.blocks(drawn_size) if drawn and drawn_size else real

        report(f"{count:,} vectors: exact search")
        exact = nearest(queries, blocks)
        if not size:
            costs.append(asdict(as_it_is(index, queries, exact)) | {"drawn": False})
        for cells in (0, math.isqrt(4 * count)):
            cost = measure(queries, exact, blocks, count, cells)
            report(f"{count:,} vectors, {cells or 'no'} cells: {cost.p50_ms} ms, recall {cost.recall}")
            costs.append(asdict(cost) | {"drawn": bool(size)})
    return {
        "format": FORMAT,
        "command": "scale",
        "set": {"name": "drawn" if sizes else "archive", "vectors": own, "queries": len(queries)},
        "settings": {
            "large": vectors.MAX_EXACT_VECTORS,
            "probed": vectors.PROBED_LISTS,
            "encoder": encoder.name,
            "depth": DEPTH,
        },
        **provenance(),
        "costs": costs,
    }


def nearest(queries: Floats, blocks: Blocks) -> list[set[int]]:
    """Return the ids of the `TOP` nearest vectors of each query, by comparing all in float32."""
    ids, cosines = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for block, rows in blocks():
        cosines = np.concatenate([cosines, queries @ rows.T], axis=1)
        ids = np.concatenate([ids, np.broadcast_to(block, (len(queries), len(block)))], axis=1)
        best = np.argpartition(-cosines, min(TOP, cosines.shape[1]) - 1, axis=1)[:, :TOP]
        cosines, ids = np.take_along_axis(cosines, best, 1), np.take_along_axis(ids, best, 1)
    return [set(row) for row in ids.tolist()]


def measure(queries: Floats, exact: Sequence[set[int]], blocks: Blocks, count: int, cells: int) -> Cost:
    """Build a segment, write it, read it, and search it, as a build and a reader do."""
    supplied = _Timed(blocks())
    started = time.perf_counter()
    built = Segment.build(supplied, queries.shape[1], cells)
    build_s = time.perf_counter() - started - supplied.seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vectors.faiss")
        built.write(path)
        del built
        data = np.fromfile(path, dtype=np.uint8)
    recall, p50_ms, p95_ms = _searched(DenseIndex([Segment.from_bytes(data)], queries.shape[1]), queries, exact)
    return Cost(count, cells, round(build_s, 1), round(data.size / 1e6, 1), recall, p50_ms, p95_ms)


def as_it_is(index: Path, queries: Floats, exact: Sequence[set[int]]) -> Cost:
    """Search the segments of an index, as its readers do."""
    with Index.open(index).snapshot() as snap:
        recall, p50_ms, p95_ms = _searched(snap.dense, queries, exact)
        cells = max(segment.ivf_lists for segment in snap.dense.segments)
        return Cost(len(snap.dense), cells, None, None, recall, p50_ms, p95_ms)


def _searched(found: DenseIndex, queries: Floats, exact: Sequence[set[int]]) -> tuple[float, float, float]:
    """Return the recall of the exact nearest, and the 50th and 95th percentile of the milliseconds."""
    hits, ms = [], []
    for query in queries:
        started = time.perf_counter()
        hits.append(found.search(query, DEPTH))
        ms.append((time.perf_counter() - started) * 1000)
    shared = [len({id_ for id_, _ in top[:TOP]} & wanted) for top, wanted in zip(hits, exact, strict=True)]
    recall = sum(shared) / sum(map(len, exact))
    return round(recall, 4), round(nearest_rank(ms, 50), 1), round(nearest_rank(ms, 95), 1)


class _Timed:
    """Blocks, and the seconds that producing them took."""

    def __init__(self, blocks: Iterable[tuple[Ints, Floats]]) -> None:
        self._blocks = iter(blocks)
        self.seconds = 0.0

    def __iter__(self) -> Iterator[tuple[Ints, Floats]]:
        while True:
            started = time.perf_counter()
            block = next(self._blocks, None)
            self.seconds += time.perf_counter() - started
            if block is None:
                return
            yield block


def questions_of(path: Path, count: int = QUERIES) -> list[str]:
    """Return questions of a file of JSON lines with `question`; the draw is the same every time."""
    try:
        rows = list(json_rows(path, path.read_text(encoding="utf-8")))
    except OSError as error:
        raise EvalError(f"{path} cannot be read ({error.strerror}): give a file of JSON lines") from error
    texts = [str(row["question"]) for _, row in rows if row.get("question")]
    if not texts:
        raise EvalError(f"{path} has no line with a question: give another file with --questions")
    return random.Random(20).sample(texts, min(count, len(texts)))  # noqa: S311 - no secret


def openings(index: Path, count: int = QUERIES) -> list[str]:
    """Return titles, or first lines, of articles."""
    with Index.open(index).snapshot() as snap:
        texts = [article.title or article.text.splitlines()[0] for article in snap.articles()]
    return random.Random(20).sample(texts, min(count, len(texts)))  # noqa: S311 - no secret


def scale_table(result: Json) -> Table:
    """Return the table of a result, a row for each size and kind."""
    of = result["set"]
    table = plain_table(f"{of['queries']} queries, nearest {DEPTH}; recall of the exact nearest {TOP}", "vectors")
    for column in ("", "cells", "build, s", "MB", "recall", "p50, ms", "p95, ms"):
        table.add_column(column, justify="right")
    for cost in result["costs"]:
        numbers = [cost[key] for key in ("build_s", "megabytes", "recall", "p50_ms", "p95_ms")]
        cells = f"{cost['cells']:,}" if cost["cells"] else "scan"
        kind = "drawn" if cost["drawn"] else "as it is" if cost["build_s"] is None else ""
        shown = ("–" if number is None else f"{number:,}" for number in numbers)
        table.add_row(f"{cost['vectors']:,}", kind, cells, *shown)
    return table
