"""The commands `structure` and `identical`: how the source is built, and whether a change leaves the answers alone."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from eval.benchmarks.structure import earlier_tree, measure_structure
from eval.commands.common import Commands
from eval.identical import compare_batches, differences_json, read_batch
from rag.evaluation.report import Reporter, plain_table
from rag.evaluation.runs import ROOT


def add_structure(commands: Commands) -> None:
    """Add the parser of `structure`."""
    parser = commands.add_parser(
        "structure",
        help="measure folders, functions, docstrings and imports",
        description="Measure the source: sizes of folders and functions, docstrings, words and lines, and imports "
        "between the packages of rag/.",
    )
    parser.add_argument("--against", metavar="GIT_REF", help="print the same of an earlier commit beside it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_structure)


def _structure(arguments: argparse.Namespace) -> int:
    trees = {"now": measure_structure(ROOT)}
    if arguments.against:
        with earlier_tree(ROOT, arguments.against) as folder:
            trees = {arguments.against: measure_structure(folder)} | trees
    table = plain_table("how the source is built", "")
    for name in trees:
        table.add_column(name, justify="right")
    rows = {name: tree.rows() for name, tree in trees.items()}
    for label in dict.fromkeys(label for of in rows.values() for label in of):
        table.add_row(label, *(of.get(label, "–") for of in rows.values()))
    content = {name: asdict(tree) for name, tree in trees.items()}
    Reporter(as_json=arguments.json).data(content, [table])
    return 0


def add_identical(commands: Commands) -> None:
    """Add the parser of `identical`."""
    parser = commands.add_parser(
        "identical",
        help="compare two files of answers, timings left out",
        description="Compare two files that `onrecord ask --batch` printed, timings left out: which answers differ, "
        "and in which fields. Exit 1 when any does.",
    )
    parser.add_argument("a", type=Path, metavar="A.jsonl")
    parser.add_argument("b", type=Path, metavar="B.jsonl")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_identical)


def _identical(arguments: argparse.Namespace) -> int:
    a, b = read_batch(arguments.a), read_batch(arguments.b)
    found = compare_batches(a, b)
    total = len(a.keys() | b.keys())
    table = plain_table("", "id")
    table.add_column(f"{len(found)} of {total} answers differ, in")
    for difference in found:
        table.add_row(json.dumps(difference.id, ensure_ascii=False), ", ".join(difference.fields))
    Reporter(as_json=arguments.json).data(differences_json(found, total), [table])
    return 1 if found else 0
