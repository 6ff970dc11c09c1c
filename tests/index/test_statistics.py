"""The archive as a whole, counted by date and outlet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.index.build import build
from rag.index.statistics import OTHERS, Bar, coverage
from rag.models.base import Encoder


def put(folder: Path, *records: dict[str, str]) -> None:
    lines = [json.dumps({"id": str(n), "text": "Rain fell.", **r}) for n, r in enumerate(records)]
    (folder / "all.jsonl").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("days", "unit", "periods", "undated"),
    [
        (["2025-03-01", "2025-03-01", "2025-03-20"], "day", ["2025-03-01", "2025-03-20"], 0),
        (["2025-03-01", "2025-06-20", "2025"], "month", ["2025-03", "2025-06"], 1),
        (["2001-03-01", "2025-06-20"], "year", ["2001", "2025"], 0),
        (["", ""], "day", [], 2),
    ],
)
def test_the_unit_follows_the_span(
    archive: Path,
    index_path: Path,
    hash_encoder: Encoder,
    days: list[str],
    unit: str,
    periods: list[str],
    undated: int,
) -> None:
    put(archive, *({"published": day} for day in days))
    build(archive, index_path, hash_encoder)
    counts = coverage(index_path)
    assert (counts.unit, [bar.period for bar in counts.bars], counts.undated) == (unit, periods, undated)
    assert sum(bar.articles for bar in counts.bars) + counts.undated == counts.total == len(days)


def test_outlets_are_compared_as_read_and_small_ones_counted_together(
    archive: Path, index_path: Path, hash_encoder: Encoder
) -> None:
    large = [{"publisher": f"Outlet {n}"} for n in range(6)] * 2
    put(archive, *large, {"publisher": "outlet 0 "}, {"publisher": "Small"}, {"publisher": "Tiny"}, {})
    build(archive, index_path, hash_encoder)
    outlets = coverage(index_path).outlets
    assert outlets[0] == Bar("", "Outlet 0", 3)
    rest = {(bar.outlet, bar.articles) for bar in outlets[1:]}
    assert rest == {*((f"Outlet {n}", 2) for n in range(1, 6)), (OTHERS, 2), (None, 1)}
