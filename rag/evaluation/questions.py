"""Read question sets from JSON lines or CSV as `Question` records; every error names its line.

The only column a set must have is `question`; a set of question/answer pairs has `answer` too. In CSV,
`history` and `gold` hold JSON, and a bare text in `history` is one earlier question.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast, get_args

from rag.errors import OnRecordError
from rag.evaluation.gold import fold
from rag.evaluation.types import Gold, Half, Question

SETS = Path(__file__).resolve().parents[2] / "eval" / "sets"  # only a checkout has any
COLUMNS = ("id", "kind", "question", "history", "gold", "need", "answer", "half")
MAX_NAME_CHARS = 60  # of the name of a set
SUFFIXES = (".jsonl", ".csv")

Row = Mapping[str, Any]


class EvalError(OnRecordError):
    """A question set, a result file or a threshold that cannot be used."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A named list of questions.

    Attributes:
        digest: SHA-256 of the file, in hexadecimal.
        unused: columns of the file that are not read.
    """

    name: str
    path: Path
    digest: str
    questions: tuple[Question, ...]
    unused: tuple[str, ...] = ()


def read_set(name_or_path: str, sets: Path = SETS) -> QuestionSet:
    """Read a set by its name under `sets`, or from a JSON lines file, a CSV file or a folder that holds one.

    Raises:
        EvalError: there is no such set, it holds no question, or a line is wrong.
    """
    path = find_set(name_or_path, sets)
    try:
        return parse_set(path, path.read_bytes())
    except OSError as error:
        raise EvalError(f"{path} cannot be read ({error}): give a file that can be") from error


def parse_set(path: Path, data: bytes) -> QuestionSet:
    """Read a set from the bytes of a file.

    Args:
        path: names the set in messages, and its suffix names the format; the file need not exist.
        data: the content of the file.

    Raises:
        EvalError: it is neither JSON lines nor CSV, it holds no question, or a line is wrong.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise EvalError(f"{path} is no question set: give a file of JSON lines (.jsonl) or a .csv file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvalError(f"{path} cannot be read ({error}): save the set as UTF-8 text") from error
    rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else json_rows(path, text)
    questions: dict[str, Question] = {}
    unused: dict[str, None] = {}
    for line, row in rows:
        question = _question(row, default_id=str(len(questions) + 1), where=f"{path}:{line}")
        if question.id in questions:
            _bad(f"{path}:{line}", f"id {question.id!r} is given twice: make every id its own")
        questions[question.id] = question
        unused |= dict.fromkeys(key for key in row if key not in COLUMNS)
    if not questions:
        raise EvalError(f"{path} holds no questions: give one a line")
    name = path.resolve().parent.name if path.stem == "questions" else path.stem
    return QuestionSet(name, path, hashlib.sha256(data).hexdigest(), tuple(questions.values()), tuple(unused))


def find_set(name_or_path: str, sets: Path = SETS) -> Path:
    """Return the file of a set: in `sets`/NAME if there is one, else at the path.

    Of a folder it is `questions.jsonl`, `questions.csv` or the only such file.

    Raises:
        EvalError: there is no such file, or there are several.
    """
    known = built_in_sets(sets)
    path = sets / name_or_path if name_or_path in known else Path(name_or_path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise EvalError(f"no question set {name_or_path!r}: give a path, or one of {', '.join(known) or '(none)'}")
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    chosen = [p for p in files if p.stem == "questions"] or files
    if len(chosen) != 1:
        raise EvalError(f"{path} holds {len(chosen)} .jsonl or .csv files: name the one to run")
    return chosen[0]


def built_in_sets(sets: Path = SETS) -> list[str]:
    """Return the names of the sets of a checkout, sorted; none where the package is installed."""
    return sorted(path.name for path in sets.iterdir() if path.is_dir()) if sets.is_dir() else []


def file_name(stem: str, taken: Collection[str]) -> str:
    """Return the name under which a set and its runs are kept, made of the stem of the set's file.

    Args:
        stem: what is no letter, digit, `_` or `-` becomes `-`.
        taken: names that other sets have; such a name gets `my-` in front.
    """
    name = re.sub(r"[^\w-]+", "-", stem)[:MAX_NAME_CHARS].strip("-_") or "questions"
    return f"my-{name}" if name in taken else name


def run_name(questions: QuestionSet) -> str:
    """Return the name that the runs of a set have: its own for a set of the checkout, else that of an uploaded file."""
    if questions.path.resolve().is_relative_to(SETS):
        return questions.name
    return file_name(questions.name, built_in_sets())


def questions_of_half(questions: QuestionSet, half: str) -> tuple[Question, ...]:
    """Return the questions of the half "tune" or "test", or of "all".

    Raises:
        EvalError: there is none.
    """
    chosen = tuple(q for q in questions.questions if half in ("all", q.half))
    if not chosen:
        raise EvalError(f"{questions.path} has no question of half {half!r}: leave --half out")
    return chosen


def check_gold(questions: tuple[Question, ...], seeds: Path) -> None:
    """Check that every gold quote is in its file; only plain text files are checked.

    Raises:
        EvalError: a file is missing or does not hold the quote.
    """
    texts: dict[str, str | None] = {}
    for question in questions:
        for gold in question.gold:
            if gold.path not in texts:
                texts[gold.path] = source_text(seeds / gold.path)
            text = texts[gold.path]
            if text is not None and fold(gold.quote) not in text:
                raise EvalError(
                    f"question {question.id}: {gold.quote!r} is not in {seeds / gold.path}: correct its gold"
                )


def source_text(path: Path) -> str | None:
    """Return the folded text of a plain text file; None for other formats, which have markup between the words.

    Raises:
        EvalError: the file cannot be read.
    """
    if path.suffix.lower() not in (".txt", ".text"):
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvalError(f"article {path} cannot be read ({error.strerror}): is --seeds the right folder?") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return fold(data.decode(encoding))
    except UnicodeDecodeError:
        return fold(data.decode("cp1252", errors="replace"))


# --- rows


def json_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    """Yield the objects of JSON lines with their line numbers, from 1; `path` is what an error names."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            _bad(f"{path}:{number}", f"is not JSON ({error})")
        if not isinstance(row, dict):
            _bad(f"{path}:{number}", "is not a JSON object: give one per line")
        yield number, row


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a CSV file; the separator is the comma, semicolon or tab, whichever the header has most of."""
    header = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if "question" not in names:
            _bad(f"{path}:1", f"has no column 'question', only {', '.join(names) or 'nothing'}")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                _bad(f"{path}:{reader.line_num}", f"has {len(cells)} cells for {len(names)} columns: quote the commas")
            row = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
            yield reader.line_num, {name: _cell(name, cell) for name, cell in row.items()}
    except csv.Error as error:
        _bad(f"{path}:{reader.line_num}", f"is not CSV ({error})")


def _cell(name: str, text: str) -> object:
    """Return the value of a cell: JSON where the column is a list or a number, else its text."""
    if (name in ("history", "gold") and text.startswith("[")) or name == "need":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


# --- one row


def _question(row: Row, default_id: str, where: str) -> Question:
    question = _text(row, "question", where) or _bad(where, "has no 'question'")
    kind = _text(row, "kind", where) or "question"
    half = _text(row, "half", where)
    if half is not None and half not in get_args(Half):
        _bad(where, f"half is {half!r}: give 'tune' or 'test'")
    gold = _gold(row.get("gold"), where)
    answers = _texts(row.get("answer"), "answer", where)
    return Question(
        id=_text(row, "id", where) or default_id,
        question=question,
        kind=kind,
        history=_texts(row.get("history"), "history", where),
        gold=gold,
        need=_need(row.get("need"), kind, gold, answers, where),
        answers=answers,
        half=cast(Half | None, half),
    )


def _need(value: object, kind: str, gold: tuple[Gold, ...], answers: tuple[str, ...], where: str) -> int | None:
    """Return the number given; else 0 for a kind without answers, 1 where there is gold or an answer, or None."""
    if value is None:
        if kind.startswith("unanswerable") or kind == "false_premise":
            return 0
        return 1 if gold or answers else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        _bad(where, f"need is {value!r}: give a whole number from 0 up")
    articles = len({g.path for g in gold})
    if gold and not 1 <= value <= articles:
        _bad(where, f"need is {value}, but its gold is from {articles} article(s)")
    return value


def _gold(value: object, where: str) -> tuple[Gold, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        _bad(where, f"gold is {value!r}: give a list of {{'path', 'quote'}}")
    golds = []
    for item in value:
        path, quote = (item.get("path"), item.get("quote")) if isinstance(item, dict) else (None, None)
        if not (isinstance(path, str) and isinstance(quote, str) and path and fold(quote)):
            _bad(where, f"gold {item!r} is not {{'path', 'quote'}}, both texts")
        golds.append(Gold(path, quote))
    return tuple(golds)


def _text(row: Row, key: str, where: str) -> str | None:
    """Return the text of a field, None when missing or blank; an id may be a whole number."""
    value = row.get(key)
    if key == "id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        _bad(where, f"{key} is {value!r}: give a text")
    return value.strip() or None


def _texts(value: object, key: str, where: str) -> tuple[str, ...]:
    """Return the texts of a field that holds one, a list of them, or nothing."""
    items: list[object] = value if isinstance(value, list) else [] if value is None else [value]
    texts = [item.strip() for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        _bad(where, f"{key} is {value!r}: give texts")
    return tuple(text for text in texts if text)


def _bad(where: str, what: str) -> NoReturn:
    raise EvalError(f"{where} {what}")
