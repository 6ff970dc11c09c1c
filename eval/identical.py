"""Compare two files of `onrecord ask --batch`: does a change of the code leave the answers as they were?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.evaluation.questions import EvalError, json_rows
from rag.evaluation.runs import Json

TIMINGS = "timings_ms"  # differs from run to run
ONLY_A, ONLY_B = "only in A", "only in B"

Id = str | int | None


@dataclass(frozen=True, slots=True)
class BatchDifference:
    """A question whose answers differ.

    Attributes:
        fields: the top-level keys that differ, sorted; `ONLY_A` or `ONLY_B` alone when one file lacks the answer.
    """

    id: Id
    fields: tuple[str, ...]


def read_batch(path: Path) -> dict[tuple[Id, int], Json]:
    """Read the answers of a file by id and by how many answers before it have the same id.

    Raises:
        EvalError: the file cannot be read, a line is no JSON object, or an id is neither text, whole number nor null.
    """
    try:
        rows = list(json_rows(path, path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"{path} cannot be read ({error}): give a file that `onrecord ask --batch` printed") from error
    answers: dict[tuple[Id, int], Json] = {}
    for line, row in rows:
        if not isinstance(row.get("id"), str | int | None):
            raise EvalError(f"{path}:{line} id is {row['id']!r}: give a text or a whole number")
        same = sum(known == row.get("id") for known, _ in answers)
        answers[row.get("id"), same] = dict(row)
    return answers


def compare_batches(a: Mapping[tuple[Id, int], Json], b: Mapping[tuple[Id, int], Json]) -> list[BatchDifference]:
    """Return the answers that differ in anything but their timings, in the order of the files."""
    found = []
    for key in dict.fromkeys([*a, *b]):
        if key not in a or key not in b:
            found.append(BatchDifference(key[0], (ONLY_A if key in a else ONLY_B,)))
        elif fields := _differing(a[key], b[key]):
            found.append(BatchDifference(key[0], fields))
    return found


def _differing(a: Json, b: Json) -> tuple[str, ...]:
    names = sorted((a.keys() | b.keys()) - {TIMINGS})
    return tuple(name for name in names if (name in a) != (name in b) or _text(a.get(name)) != _text(b.get(name)))


def _text(value: object) -> str:
    """Return JSON that tells 1 from 1.0 and from true, which Python calls equal."""
    return json.dumps(value, sort_keys=True)


def differences_json(found: list[BatchDifference], total: int) -> Json:
    """Return the comparison as one JSON object."""
    return {"answers": total, "differ": len(found), "differences": [asdict(difference) for difference in found]}
