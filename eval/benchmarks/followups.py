"""Compare contextualised follow-ups with a person's rewrites: by the words added, and by retrieval.

The data is MTRAG's (Katsis et al. 2025): for each domain `retrieval_tasks/*/*_lastturn.jsonl`, `_questions.jsonl` (the
questions up to it), `_rewrite.jsonl` and `qrels/dev.tsv`; the pool is the documents of `evaluations/*.json`. The
history is the user's questions alone, as in a batch. Halves are by conversation. A language model, when one is given,
also rewrites the questions, under the product's checks, even one too small for the product to ask.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from eval.datasets.qrels import Qrels, RetrievalQuery
from eval.datasets.squad import half_of
from eval.ranking import Ranking, article_values, ranking
from eval.systems import NEVER
from rag.evaluation.questions import EvalError
from rag.evaluation.runs import Json
from rag.generation.base import Rewriter
from rag.index.reader import Index
from rag.models.base import Encoder
from rag.pipeline import MAX_TURNS
from rag.query.analysis import analyse
from rag.query.followups import contextualise
from rag.query.rewriting import NOT_ASKED, Rewrite, rewritten_by_model
from rag.retrieval.hybrid import retrieve
from rag.text.tokens import keys
from rag.types import Turn

MEASURES = ("R@5", "nDCG@10", "MRR@10")
SYSTEMS = ("bm25", "default")
DEPTH = 50  # passages
_MARK = "|user|: "


Forms = Mapping[str, Mapping[str, str]]  # name of a form -> id of a follow-up -> the question in that form


@dataclass(frozen=True)
class FollowUp:
    """A question with the questions before it, and a person's rewrite of it."""

    id: str
    history: tuple[str, ...]
    last: str
    human: str
    relevant: frozenset[str]

    @property
    def half(self) -> str:
        """The half by the hash of the conversation."""
        return half_of(self.id.partition("<")[0])

    @cached_property
    def known(self) -> list[Turn]:
        """The questions before it, each contextualised by the product with those before it."""
        known: list[Turn] = []
        for question in self.history[-MAX_TURNS:]:
            known.append(Turn(contextualise(question, known)))
        return known

    @property
    def ours(self) -> str:
        """The question as the product's rules contextualise it."""
        return contextualise(self.last, self.known)


def read_followups(folder: Path) -> list[FollowUp]:
    """Read every domain; questions that open a conversation are left out.

    Raises:
        EvalError: the folder does not hold the data.
    """
    found = []
    for domain in sorted((folder / "retrieval_tasks").glob("*/")):
        try:
            texts = {name: _texts(domain / f"{domain.name}_{name}.jsonl") for name in ("questions", "rewrite")}
            relevant = defaultdict(set)
            with (domain / "qrels" / "dev.tsv").open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t"):
                    relevant[row["query-id"]].add(row["corpus-id"])
        except (OSError, ValueError, KeyError) as error:
            raise EvalError(f"{domain} does not hold follow-ups ({error}): give MTRAG's folder") from error
        for id_, text in texts["questions"].items():
            *history, last = [" ".join(turn.split()) for turn in ("\n" + text).split(f"\n{_MARK}")[1:]]
            if history and id_ in texts["rewrite"]:
                human = " ".join(texts["rewrite"][id_].removeprefix(_MARK).split())
                found.append(FollowUp(id_, tuple(history), last, human, frozenset(relevant[id_])))
    if not found:
        raise EvalError(f"{folder} holds no follow-ups: give MTRAG's folder, with retrieval_tasks/ in it")
    return found


def _texts(path: Path) -> dict[str, str]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["_id"]: row["text"] for row in rows}


def write_pool(folder: Path, path: Path) -> None:
    """Write the documents of `evaluations/*.json` as a file of articles.

    Raises:
        EvalError: there are no documents.
    """
    rows = {
        d["document_id"]: {"id": d["document_id"], "title": d.get("title"), "text": d["text"]}
        for file in sorted((folder / "evaluations").glob("*.json"))
        for d in json.loads(file.read_text(encoding="utf-8")).get("documents", ())
    }
    if not rows:
        raise EvalError(f"{folder}/evaluations holds no documents: give MTRAG's folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.values()), encoding="utf-8")


@dataclass(frozen=True)
class HumanRewriter:
    """A `Rewriter` that returns the person's rewrite: an upper bound for models under the product's checks."""

    one: FollowUp
    rewrites: bool = True

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Return the person's rewrite."""
        return self.one.human


def rewrites(
    followups: Sequence[FollowUp], model: Callable[[FollowUp], Rewriter], progress: Callable[[int, int], None]
) -> dict[str, Rewrite]:
    """Return the rewrite of every follow-up, by its id, each with the model that `model` returns for it."""
    found = {}
    for done, one in enumerate(followups, start=1):
        found[one.id] = rewritten_by_model(one.last, one.known, one.ours, model(one))
        progress(done, len(followups))
    return found


def reasons(made: Sequence[Rewrite]) -> Json:
    """Return how often the model was asked, how often its rewrite was taken, and the reasons why not."""
    why = Counter(one.why for one in made)
    refused = {f"not taken: {reason}": n for reason, n in sorted(why.items()) if reason not in ("", NOT_ASKED)}
    return {"asked": len(made) - why[NOT_ASKED], "taken": why[""]} | refused


def forms(followups: Sequence[FollowUp], made: Mapping[str, Rewrite] | None = None) -> Forms:
    """Return each follow-up as asked, as our rules and, if there is one, a model rewrote it, and as a person did."""
    return {
        "last": {one.id: one.last for one in followups},
        "ours": {one.id: one.ours for one in followups},
        **({"model": {one.id: made[one.id].text for one in followups}} if made else {}),
        "human": {one.id: one.human for one in followups},
    }


def overlap(followups: Sequence[FollowUp], form: Mapping[str, str]) -> Json:
    """Compare the words added with those that the person added, and count the questions that both leave unchanged.

    `recall` is over the words that the person added and the history has, `precision` over the words that we added.
    """
    added = right = reachable = alone = left = 0
    for one in followups:
        own = keys(one.last)
        wanted, got = keys(one.human) - own, keys(form[one.id]) - own
        added += len(got)
        right += len(got & wanted)
        reachable += len(wanted & frozenset().union(*map(keys, one.history)))
        alone += not wanted
        left += not wanted and not got
    return {
        "questions": len(followups),
        "precision": right / added if added else None,
        "recall": right / reachable if reachable else None,
        "alone": alone,
        "left_alone": left / alone if alone else None,
    }


def searched(followups: Sequence[FollowUp], forms: Forms, index: Index, encoder: Encoder) -> dict[str, dict[str, Json]]:
    """Return system -> form -> mean measures, over the questions that have a relevant document in the pool."""
    with index.snapshot() as snap:
        pool = {article.id for article in snap.articles()}
    asked = [one for one in followups if one.relevant & pool]
    relevant = {one.id: dict.fromkeys(sorted(one.relevant & pool), 1) for one in asked}
    qrels = Qrels("pool", "", tuple(RetrievalQuery(one.id, one.last) for one in asked), relevant)
    return {
        system: {
            name: _means(qrels, _ranked(system, {one.id: form[one.id] for one in asked}, index, encoder))
            for name, form in forms.items()
        }
        for system in SYSTEMS
    }


def _ranked(system: str, queries: Mapping[str, str], index: Index, encoder: Encoder) -> dict[str, Ranking]:
    found = {}
    with index.snapshot() as snap:
        for name, query in queries.items():
            if system == "bm25":
                ids = [id_ for id_, _ in snap.lexical.search(query, DEPTH)]
                found[name] = Ranking(tuple(dict.fromkeys(p.article.id for p in snap.passages(ids))))
            else:
                found[name] = ranking(retrieve(snap, encoder, analyse(query, NEVER), DEPTH), 0.0)
    return found


def _means(qrels: Qrels, rankings: Mapping[str, Ranking]) -> Json:
    values = article_values(qrels, rankings)
    n = len(qrels.queries)
    return {"questions": n} | {name: sum(values[name].values()) / n if n else None for name in MEASURES}
