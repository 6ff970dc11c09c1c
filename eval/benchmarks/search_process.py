"""Search in a process of its own and print time and memory: `python -m eval.benchmarks.search_process`.

On stdin a JSON object: `queries` (the first is asked twice, and timed once), `k`, and either `index` (ours, with
`reranker`: the name of one, or "none") or `texts` and `model` (txtai builds an index of them in memory first).
On stdout another: `ms` of each query, `build_s` of txtai, `rss` and `uss` in bytes,
null where the system does not report it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> int:
    """Search as stdin asks."""
    asked: dict[str, Any] = json.load(sys.stdin)
    if "texts" in asked:
        search, build_s = _txtai(asked["texts"], asked["model"])
    else:
        search, build_s = _ours(Path(asked["index"]), asked.get("reranker")), 0.0
    search(asked["queries"][0], asked["k"])
    ms = []
    for query in asked["queries"]:
        started = time.perf_counter()
        search(query, asked["k"])
        ms.append((time.perf_counter() - started) * 1000)
    sys.stdout.write(json.dumps({"ms": ms, "build_s": build_s, **memory()}) + "\n")
    return 0


def _ours(index: Path, reranker: str | None) -> Callable[[str, int], Any]:
    from rag.config import load_settings
    from rag.pipeline import OnRecord

    return OnRecord.open(load_settings(index=index, reranker=reranker)).search


def _txtai(texts: list[str], model: str) -> tuple[Callable[[str, int], Any], float]:
    """Return txtai's search, and the seconds to index the texts after txtai and the model are loaded."""
    from txtai import Embeddings

    embeddings = Embeddings(path=model, hybrid=True)
    embeddings.index([(0, "The first one takes longer.", None)])
    started = time.perf_counter()
    embeddings.index((number, text, None) for number, text in enumerate(texts))
    return embeddings.search, time.perf_counter() - started


def memory() -> dict[str, int | None]:
    """Return the memory of this process in bytes: resident (rss), and not shared with others (uss)."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return {"rss": None, "uss": None}
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}
    return {"rss": sizes["Rss"], "uss": sizes["Private_Clean"] + sizes["Private_Dirty"]}


if __name__ == "__main__":
    sys.exit(main())
