"""The table of `bench`."""

from __future__ import annotations

from rich.table import Table

from rag.evaluation.report import MET, MISSED, plain_table
from rag.evaluation.runs import Json

WHOLE_FROM = 100  # a figure of this size has no decimals


def bench_table(result: Json) -> Table:
    """Return the table of a bench, a row for each figure."""
    sizes = {over: result["set"][over] for over in ("large", "small")}
    lines = [
        f"{over}: {size['articles']:,} articles, {size['passages']:,} passages, {kind}"
        for (over, size), kind in zip(sizes.items(), ("random vectors", "encoded"), strict=True)
    ]
    load = f"{result['machine']['cores']} cores, load before {result['load'][0]}, after {result['load'][1]}"
    table = plain_table("\n".join([result["set"]["name"], *lines, load]), "figure")
    table.add_column("over")
    for column in ("value", "target"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in result["rows"]:
        target = "" if row["target"] is None else f"{'≥' if row['least'] else '≤'} {row['target']:g}"
        met = {None: "", True: MET, False: MISSED}[row["met"]]
        table.add_row(row["what"], row["over"], f"{_number(row['value'])} {row['unit']}".strip(), target, met)
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return (
        f"{value:,.0f}"
        if value >= WHOLE_FROM or value == int(value)
        else f"{value:.4g}"
        if value < 1
        else f"{value:.2f}"
    )
