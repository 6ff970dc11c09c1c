"""Tables of retrieval results and of two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from eval.ranking import MEASURES
from rag.evaluation.messages import visible
from rag.evaluation.report import plain_table
from rag.evaluation.runs import Json


def result_tables(result: Json) -> list[Table]:
    """Return a table for each qrels: by measure, every system beside the baseline."""
    return [_qrels_table(result, name, qrels) for name, qrels in result["qrels"].items()]


def _qrels_table(result: Json, name: str, qrels: Json) -> Table:
    of, baseline = result["set"], result["settings"]["baseline"]
    lines = (
        f"{of['name']}, {name}: {qrels['questions']} questions (half: {of['half']}), {of['articles']:,} articles, "
        f"{of['passages']:,} passages",
        f"Answer@k: over the {qrels['answerable']} questions whose answer stands in a relevant article",
    )
    table = plain_table("\n".join(visible(line) for line in lines), "measure")
    table.add_column("system")
    for column in ("n", "value", f"- {baseline}", "95 %", "p"):
        table.add_column(column, justify="right")
    table.add_column("")
    systems = qrels["systems"]
    for measure in MEASURES:
        rows = [(of, s["measures"][measure]) for of, s in systems.items() if measure in s["measures"]]
        for row, (of, value) in enumerate(rows):
            shown = ("" if row else measure, of, str(value["n"]), f"{value['value']:.3f}", *_difference(value))
            table.add_row(*shown, end_section=row == len(rows) - 1)
    for percent in ("p50", "p95"):
        for row, (of, system) in enumerate(systems.items()):
            shown = ("" if row else f"{percent}, ms", of, str(qrels["questions"]), f"{system['ms'][percent]:.1f}")
            table.add_row(*shown, "", "", "", "", end_section=row == len(systems) - 1)
    return table


def comparison_tables(comparison: Json) -> list[Table]:
    """Return two tables for each qrels: a row for each system and measure, and the questions gained and lost."""
    a, b = comparison["a"], comparison["b"]
    tables = []
    for name, systems in comparison["qrels"].items():
        lines = (f"{name}", *(f"{x}: {of['set']['name']} {of['made']}" for x, of in (("A", a), ("B", b))))
        table = plain_table("\n".join(visible(line) for line in lines), "system")
        table.add_column("measure")
        for column in ("n", "A", "B", "B - A", "95 %", "p"):
            table.add_column(column, justify="right")
        table.add_column("")
        for of, found in systems.items():
            for row, (measure, value) in enumerate(found["measures"].items()):
                numbers = (str(value["n"]), f"{value['a']:.3f}", f"{value['b']:.3f}")
                table.add_row("" if row else of, measure, *numbers, *_difference(value))
        tables += [table, _changes_table(systems)]
    return tables


def _changes_table(systems: Json) -> Table:
    """Return a table of the questions with a relevant article among the first five in one result only."""
    table = plain_table("relevant article among the first five", "system")
    for column in ("gained", "lost", "unchanged"):
        table.add_column(column, justify="right")
    table.add_column("gained", overflow="fold")
    table.add_column("lost", overflow="fold")
    for of, found in systems.items():
        numbers = (str(len(found["gained"])), str(len(found["lost"])), str(found["unchanged"]))
        table.add_row(of, *numbers, *(visible(" ".join(found[which])) for which in ("gained", "lost")))
    return table


def _difference(value: Json) -> Sequence[str]:
    """Return the difference, its interval, p, and "better" or "worse" when zero is outside the interval."""
    if "change" not in value:
        return "", "", "", ""
    low, high = value["low"], value["high"]
    verdict = "" if low <= 0 <= high else "better" if low > 0 else "worse"
    return f"{value['change']:+z.3f}", f"{low:+z.3f} to {high:+z.3f}", f"{value['p']:.4f}", verdict
