"""Print the results of an evaluation: tables of measures, questions that went wrong, comparisons of two runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rag.evaluation.compare import Comparison, comparison_json
from rag.evaluation.measures import BY_KEY, MEASURES, Measure
from rag.evaluation.messages import ending, headline, number, target, verdict, visible
from rag.evaluation.questions import QuestionSet
from rag.evaluation.runner import Progress as OnProgress
from rag.evaluation.runs import Json, outcome_json
from rag.evaluation.thresholds import Threshold, missed_thresholds
from rag.evaluation.types import Outcome

PLAIN_WIDTH = 110  # columns, where output is no terminal
MET, MISSED = "✓", "✗"


class Reporter:
    """Print data to `out`, and messages and progress to `err`.

    Texts are shown literally: markup is not interpreted, and control characters are escaped.
    """

    def __init__(self, as_json: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = _console(out or sys.stdout)
        self._err = _console(err or sys.stderr)

    def note(self, text: str) -> None:
        """Print a message to `err`."""
        self._err.print(visible(text), soft_wrap=True)

    def unused_columns(self, questions: QuestionSet) -> None:
        """Print the columns of a set that nothing reads, if there are any."""
        if questions.unused:
            self.note(f"not used in {questions.path}: {', '.join(questions.unused)}")

    def notices(self, outcomes: Sequence[Outcome]) -> None:
        """Print how many answers carry a notice, and the first of these, if any does."""
        notices = [outcome.notice for outcome in outcomes if outcome.notice]
        if notices:
            self.note(f"{len(notices)} answers carry a notice, the first: {notices[0]}")

    def thresholds(self, thresholds: Sequence[Threshold], summary: Json) -> int:
        """Print each threshold that the whole run misses, and return the exit status: 1 when there is one, else 0."""
        missed = missed_thresholds(thresholds, summary)
        for line in missed:
            self.note(f"error: {line}")
        return 1 if missed else 0

    @contextmanager
    def progress(self, doing: str = "asking") -> Iterator[OnProgress]:
        """Draw a bar while questions are asked, where `err` is a terminal; yield the callback that moves it."""
        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._err, transient=True, disable=not self._err.is_terminal) as bar:
            task = bar.add_task(doing)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def data(self, content: Json, tables: Sequence[Table]) -> None:
        """Print `content` as JSON, or the tables that show it."""
        if self.as_json:
            self._json(content)
            return
        for table in tables:
            self._out.print(table)

    def run(
        self, summary: Json, misses: Sequence[Outcome] | None, file: str, comparison: Comparison | None = None
    ) -> None:
        """Print the measures of a run, its `misses` unless they are None, and the questions that got worse.

        Args:
            summary: of the run, see `rag.evaluation.runs.summary`.
            misses: the questions that went wrong.
            file: the file of the run.
            comparison: of the run before with this one.
        """
        if self.as_json:
            shown = {} if misses is None else {"misses": [outcome_json(o) for o in misses]}
            before = {} if comparison is None else {"comparison": comparison_json(comparison)}
            self._json(summary | shown | before | {"file": file})
            return
        self._out.print(measure_table(summary))
        self._out.print(kind_table(summary))
        for outcome in misses or ():
            self._lines(_miss(outcome))
        if comparison is not None:
            worse = comparison.regressions
            self._lines(
                [f"{len(worse) or 'none'} of {comparison.shared} questions got worse since {comparison.a.name}"]
            )
            for earlier, now in worse:
                self._lines(_change(earlier, now, "before", "now"))

    def comparison(self, comparison: Comparison) -> None:
        """Print two runs side by side: measures, then regressions, then questions that were mended."""
        if self.as_json:
            self._json(comparison_json(comparison))
            return
        self._out.print(difference_table(comparison))
        for title, pairs in (("Regressions", comparison.regressions), ("Mended", comparison.mended)):
            self._lines([f"{title}: {len(pairs)}"])
            for a, b in pairs:
                self._lines(_change(a, b))

    def _json(self, content: Json) -> None:
        self._out.file.write(json.dumps(content, ensure_ascii=False) + "\n")

    def _lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._out.print(visible(line, keep_indent=True), soft_wrap=True)


# --- tables


def measure_table(summary: Json) -> Table:
    """Return a table with a row for each measure that has a value: n, value and 95 % interval of each half."""
    halves = _halves(summary)
    of = summary["set"]
    table = plain_table(f"{of['name']}: {of['questions']} questions, {summary['settings']['llm']}", "measure")
    table.add_column("target", justify="right")
    _value_columns(table, halves)
    for measure in MEASURES:
        values = [summary["measures"][half].get(measure.key) for half in halves]
        if any(values):
            cells = [cell for found in values for cell in _value_cells(measure, found)]
            table.add_row(measure.label, target(measure), *cells)
    return table


def kind_table(summary: Json) -> Table:
    """Return a table with a row for each kind of question: the share of right outcomes of each half."""
    halves = _halves(summary)
    table = plain_table("right outcomes by kind of question", "kind")
    _value_columns(table, halves)
    kinds = dict.fromkeys(kind for half in halves for kind in summary["kinds"][half])
    for kind in kinds:
        values = [summary["kinds"][half].get(kind) for half in halves]
        table.add_row(visible(kind), *(cell for found in values for cell in _value_cells(BY_KEY["right"], found)))
    return table


def difference_table(comparison: Comparison) -> Table:
    """Return a table with a row for each measure that both runs have: values, difference and its 95 % interval."""
    aside = f", {comparison.only_a} only in A, {comparison.only_b} only in B"
    lines = (
        f"A: {comparison.a.name}, {comparison.a.record['settings']['llm']}",
        f"B: {comparison.b.name}, {comparison.b.record['settings']['llm']}",
        f"{comparison.shared} shared questions" + (aside if comparison.only_a or comparison.only_b else ""),
    )
    table = plain_table("\n".join(visible(line) for line in lines), "measure")
    for name in ("A", "B", "B - A", "95 %"):
        table.add_column(name, justify="right")
    table.add_column("")
    for key, found in comparison.differences.items():
        measure = BY_KEY[key]
        interval = f"{number(measure, found.low, sign=True)} to {number(measure, found.high, sign=True)}"
        numbers = (number(measure, found.a), number(measure, found.b), number(measure, found.change, sign=True))
        table.add_row(measure.label, *numbers, interval, verdict(measure, found))
    return table


def _halves(summary: Json) -> list[str]:
    """Return the columns: tune and test where the set has both, else what it has."""
    return [half for half in summary["measures"] if half != "all"] or ["all"]


def plain_table(title: str, first: str) -> Table:
    """Return a table without lines between its rows, with its first column."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    return table


def _value_columns(table: Table, halves: Sequence[str]) -> None:
    for half in halves:
        table.add_column("n", justify="right")
        table.add_column(half, justify="right")
        table.add_column("95 %", justify="right")


def _value_cells(measure: Measure, found: Json | None) -> tuple[str, str, str]:
    if found is None:
        return "", "", ""
    mark = ""
    if measure.target is not None:
        mark = " " + (MET if measure.meets(found["value"], measure.target) else MISSED)
    interval = f"{number(measure, found['low'])}–{number(measure, found['high'])}"
    return str(found["n"]), number(measure, found["value"]) + mark, interval


# --- single questions


def wrong_outcomes(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes that are wrong or failed."""
    return [outcome for outcome in outcomes if outcome.right is False or outcome.error]


def _miss(outcome: Outcome) -> list[str]:
    question = outcome.question
    lines = ["", f"{MISSED} {headline(outcome)}"]
    lines += [f"  after: {earlier}" for earlier in question.history]
    if outcome.standalone_question not in ("", question.question):
        lines += [f"  asked as: {outcome.standalone_question}"]
    lines += [f"  {ending(outcome)}"]
    lines += [f"  answer: {claim}" for claim in outcome.claims]
    lines += [
        f"  {'cited' if i in outcome.cited else 'not cited'}: {gold.path}: {gold.quote}"
        for i, gold in enumerate(question.gold)
    ]
    return lines + ([f"  right: {' / '.join(question.answers)}"] if question.answers else [])


def _change(a: Outcome, b: Outcome, name_a: str = "A", name_b: str = "B") -> list[str]:
    lines = ["", headline(a)]
    for name, outcome in ((name_a, a), (name_b, b)):
        lines += [f"  {name}: {ending(outcome)}", *(f"     answer: {claim}" for claim in outcome.claims)]
    return lines


def _console(file: TextIO) -> Console:
    width = None if file.isatty() else PLAIN_WIDTH
    return Console(file=file, width=width, markup=False, highlight=False, emoji=False)
