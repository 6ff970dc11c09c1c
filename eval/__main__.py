"""`python -m eval`: run question sets and benchmarks. Data on stdout, words on stderr; exit 0, 1 or 2."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from eval.answers import Asker, open_product, run
from eval.apart import add_apart
from eval.compare import compare
from eval.measures import BY_KEY
from eval.qrels import read_retrieval_set
from eval.questions import SETS, EvalError, QuestionSet, check_gold, read_set
from eval.ranked import MEASURES as RANKED
from eval.report import Reporter, visible
from eval.retrieval import Options, benchmark, build_index, compare_results, read_result, without_questions
from eval.retrieval_report import comparison_tables, result_tables
from eval.runs import RESULTS, ROOT, Json, Run, new_run, read_run, summary, write_result, write_run
from eval.systems import SYSTEMS, USUAL
from rag.bars import bars
from rag.config import Settings, load_settings
from rag.encode import Encoder, load_encoder
from rag.errors import OnRecordError
from rag.index import Index

if TYPE_CHECKING:
    from eval.sources import Row

Opener = Callable[[Settings, bool], AbstractContextManager[Asker]]


def main(argv: Sequence[str] | None = None, opener: Opener = open_product) -> int:
    """Run one subcommand; `opener` opens the product that is asked."""
    arguments = _parser(opener).parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.run
        return command(arguments)
    except OnRecordError as error:
        sys.stderr.write(f"error: {visible(str(error))}\n")
        return 1


def _parser(opener: Opener) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_answers(commands, opener)
    _add_fit(commands)
    _add_squad(commands)
    _add_choices(commands)
    _add_calibration(commands)
    _add_retrieval(commands)
    _add_bench(commands)
    _add_scale(commands)
    add_apart(commands)
    _add_faithfulness(commands)
    return parser


# --- answers


def _add_answers(commands: argparse._SubParsersAction[argparse.ArgumentParser], opener: Opener) -> None:
    parser = commands.add_parser(
        "answers",
        help="ask a set of questions and measure the answers",
        description="Ask a set of questions and measure the answers, or compare two such runs.",
        epilog=f"Measures: {', '.join(BY_KEY)}.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "set",
        nargs="?",
        metavar="SET",
        help="a name under eval/sets, or a folder, .jsonl or .csv file with columns question, answer and, as you "
        "have them, id, kind, history, gold, need, half",
    )
    what.add_argument("--compare", nargs=2, type=Path, metavar=("A.json", "B.json"), help="two results of the same set")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="ask only this half of the set")
    parser.add_argument("--seeds", type=Path, metavar="DIR", help="folder of the articles")
    parser.add_argument(
        "--index",
        type=Path,
        metavar="DIR",
        help="ask this index; else one is built from --seeds or the set's own folder",
    )
    parser.add_argument("--llm", metavar="SPEC", help="what writes the answers")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--show-misses", action="store_true", help="print every question that went wrong")
    parser.add_argument(
        "--fail-under",
        type=_threshold,
        action="append",
        default=[],
        metavar="MEASURE=VALUE",
        help="exit 1 when a measure over all questions asked is worse (a ceiling where lower is better)",
    )
    parser.set_defaults(run=partial(_answers, opener=opener))


def _answers(arguments: argparse.Namespace, opener: Opener) -> int:
    if arguments.compare:
        return _compare(arguments)
    reporter = Reporter(as_json=arguments.json)
    finished = _run_set(arguments, opener, reporter)
    numbers = summary(finished)
    file = write_run(finished, arguments.out)
    misses = [outcome for outcome in finished.outcomes if outcome.right is False or outcome.error]
    reporter.run(numbers, misses if arguments.show_misses else None, str(file))
    notices = [outcome.notice for outcome in finished.outcomes if outcome.notice]
    if notices:
        reporter.note(f"{len(notices)} answers carry a notice, the first: {notices[0]}")
    reporter.note(f"written to {file}")
    _check_thresholds(arguments.fail_under, numbers)
    return 0


def _run_set(arguments: argparse.Namespace, opener: Opener, reporter: Reporter) -> Run:
    questions = read_set(arguments.set)
    if questions.unused:
        reporter.note(f"not used in {questions.path}: {', '.join(questions.unused)}")
    asked = tuple(q for q in questions.questions if arguments.half in ("all", q.half))
    if not asked:
        raise EvalError(f"{questions.path} has no question of half {arguments.half!r}: leave --half out")

    folder = arguments.seeds or _own_seeds(questions)
    settings = load_settings(index=arguments.index, seeds=folder, llm=arguments.llm)
    fresh = arguments.index is None and folder is not None
    seeds = _files_of(settings, known=folder is not None or arguments.index is None)
    if seeds is None:
        reporter.note("no --seeds: quotes are not looked up in their files")
    else:
        check_gold(asked, seeds)
    if fresh:
        reporter.note(f"building an index of {settings.seeds} for this run")
    with opener(settings, fresh) as app, reporter.progress() as progress:
        outcomes = run(app, asked, seeds, progress)
    return new_run(questions, arguments.half, settings, fresh, outcomes)


def _compare(arguments: argparse.Namespace) -> int:
    if arguments.fail_under:
        raise EvalError("--fail-under is about one run: leave it out, or give a SET instead of --compare")
    a, b = (read_run(path) for path in arguments.compare)
    Reporter(as_json=arguments.json).comparison(compare(a, b, arguments.half))
    return 0


# --- confidence, short answers


def _add_calibration(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "calibration",
        help="measure what confidence is worth",
        description="Read the seeds' questions and those of other archives, and measure what confidence says of them.",
    )
    _add_sources(parser)
    parser.add_argument("--no-seeds", action="store_true", help="leave out the seeds' own questions")
    parser.add_argument(
        "--rows", type=Path, nargs="+", default=[], metavar="RESULT.json", help="measure what was read for these again"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_calibration)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--squad", type=Path, metavar="DIR", help="a SQuAD 2.0 sample: queries.json, ground_truth.json")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="a retrieval set with choices: see retrieval")
    parser.add_argument("--index", type=Path, metavar="DIR", help="the archive's index, instead of building one")
    parser.add_argument("--limit", type=_count, default=100, metavar="N", help="of questions of each qrels (100)")


def _calibration(arguments: argparse.Namespace) -> int:
    from eval.calibration import measured, tables
    from eval.sources import read_rows

    reporter = Reporter(as_json=arguments.json)
    rows = [row for path in arguments.rows for row in read_rows(path)] or _read_sources(arguments, reporter)
    result = measured(rows, "development", load_settings().refuse_below)
    file = write_result(result, "calibration", arguments.out)
    reporter.data({key: value for key, value in result.items() if key != "rows"}, tables(result))
    threshold = result["threshold"]
    reporter.note(
        f"{REFUSED_SHARE.format(threshold['refused_answerable'])} {threshold['value']:.3f} "
        f"({threshold['low']:.3f} to {threshold['high']:.3f})"
    )
    reporter.note(f"written to {file}")
    return 0


REFUSED_SHARE = "on the tuning halves at most {:.0%} of the questions with an answer, of any source, lie below"


def _read_sources(arguments: argparse.Namespace, reporter: Reporter) -> list[Row]:
    """Read every source that was given, and say which were not."""
    from eval.sources import archive_rows, seeds_rows, squad_rows

    encoder = load_encoder(load_settings().encoder)
    with bars() as told:
        rows = [] if arguments.no_seeds else list(seeds_rows(ROOT / "seeds", told))
        if arguments.squad:
            rows += squad_rows(arguments.squad, ROOT / ".cache" / "calibration", encoder, told)
        if arguments.archive:
            of = read_retrieval_set(arguments.archive)
            index = arguments.index or _index_of(
                of.articles, ROOT / ".cache" / "retrieval" / of.name, encoder, reporter
            )
            rows += archive_rows(of, Index.open(index, encoder), encoder, arguments.limit, told)
    for name in ("squad", "archive"):
        if getattr(arguments, name) is None:
            reporter.note(f"no --{name}: its questions are left out")
    return [row for row in rows if row is not None]


def _add_squad(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "squad",
        help="measure short answers on SQuAD 2.0",
        description="Answer SQuAD 2.0 questions in the words of their paragraphs: exact match, F1, and the AUROC of "
        "telling those that have an answer.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a folder with queries.json and ground_truth.json")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_squad)


def _squad(arguments: argparse.Namespace) -> int:
    from eval.squad import read_squad, run, tables

    settings = load_settings()
    reporter = Reporter(as_json=arguments.json)
    with reporter.progress() as progress:
        result = run(read_squad(arguments.set), load_encoder(settings.encoder), settings.refuse_below, progress)
    file = write_result(result, "squad", arguments.out)
    reporter.data({key: value for key, value in result.items() if key != "results"}, tables(result))
    reporter.note(f"written to {file}")
    return 0


def _add_choices(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "choices",
        help="measure multiple choice",
        description="Choose the answer that the articles found support, or none, for questions with choices.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="a folder with articles.jsonl[.gz] and questions.jsonl")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="only this half, by date")
    parser.add_argument("--limit", type=_count, metavar="N", help="only N questions, evenly spread")
    parser.add_argument("--index", type=Path, metavar="DIR", help="ask this index instead of building one")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_choices)


def _choices(arguments: argparse.Namespace) -> int:
    from eval.choices import chosen_of, read_quiz, run, tables

    settings = load_settings()
    reporter = Reporter(as_json=arguments.json)
    articles, quiz = read_quiz(arguments.set)
    asked = chosen_of(quiz, arguments.half, arguments.limit)
    if not asked:
        raise EvalError(f"{arguments.set} has no question of half {arguments.half!r}: leave --half out")
    encoder = load_encoder(settings.encoder)
    name = arguments.set.resolve().name
    index = arguments.index or _index_of(articles, ROOT / ".cache" / "retrieval" / name, encoder, reporter)
    with reporter.progress() as progress:
        result = run(asked, name, Index.open(index, encoder), encoder, settings.passages, progress)
    file = write_result(result, "choices", arguments.out)
    reporter.data({key: value for key, value in result.items() if key != "results"}, tables(result))
    reporter.note(f"written to {file}")
    return 0


def _add_fit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "fit",
        help="fit the weights of evidence, short answers and confidence on tuning halves",
        description="Fit the weights in rag/data/evidence.json: of sentences on the tuning half of a set with gold "
        "quotes; of confidence with --rows; of short answers with --squad and --archive. What is not given is kept.",
    )
    parser.add_argument("set", metavar="SET", help="a name under eval/sets")
    parser.add_argument(
        "--rows", type=Path, nargs="+", default=[], metavar="RESULT.json", help="results of calibration"
    )
    parser.add_argument("--squad", type=Path, metavar="DIR", help="a SQuAD 2.0 sample")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="a retrieval set with choices and evidence")
    parser.set_defaults(run=_fit)


def _fit(arguments: argparse.Namespace) -> int:
    from eval.fit import fit_confidence, fit_sentences, fit_short
    from eval.sources import read_rows, short_groups

    questions = read_set(arguments.set)
    tune = tuple(q for q in questions.questions if q.half == "tune")
    folder = _own_seeds(questions)
    if not tune or folder is None:
        raise EvalError(f"{arguments.set} has no tuning half or no articles of its own: nothing to fit on")
    if bool(arguments.squad) != bool(arguments.archive):
        raise EvalError("short answers are fitted on both: give --squad and --archive")
    reporter = Reporter(as_json=False)
    path = ROOT / "rag" / "data" / "evidence.json"
    weights = json.loads(path.read_text(encoding="utf-8"))
    with open_product(load_settings(seeds=folder), fresh=True) as app:
        weights["sentence"] = fit_sentences(app, tune, reporter.note)
    if arguments.squad:
        groups = short_groups(arguments.squad, arguments.archive, load_encoder(load_settings().encoder))
        weights["short"] = fit_short(groups, reporter.note)
    else:
        reporter.note("no --squad and --archive: the weights of short answers stay as they are")
    if arguments.rows:
        weights["confidence"], threshold = fit_confidence(
            [row for path in arguments.rows for row in read_rows(path)], reporter.note
        )
        reporter.note(f"refuse below {threshold:.3f} (refuse_below in rag/config.py)")
    else:
        reporter.note("no --rows: the weights of confidence stay as they are")
    path.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")
    return 0


# --- retrieval


def _add_retrieval(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "retrieval",
        help="measure how well articles are found",
        description="Put the questions of a retrieval set to several systems and measure what they find, or compare "
        "two such results.",
        epilog=f"Systems: {', '.join(SYSTEMS)}. Measures: {', '.join(RANKED)}.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "set",
        nargs="?",
        type=Path,
        metavar="SET",
        help="a folder with articles.jsonl[.gz], questions.jsonl and qrels*.tsv",
    )
    what.add_argument("--compare", nargs=2, type=Path, metavar=("A.json", "B.json"), help="two results of the same set")
    parser.add_argument("--systems", type=_names, metavar="A,B", help=f"by default {','.join(USUAL)}")
    parser.add_argument("--baseline", default="bm25", metavar="NAME", help="what the others are held against (bm25)")
    parser.add_argument("--qrels", metavar="NAME", help="only these qrels")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="only this half, by date")
    parser.add_argument("--limit", type=_count, metavar="N", help="only the first N questions of each qrels")
    parser.add_argument("--joined", action="store_true", help="ask two questions as one: are both found?")
    parser.add_argument("--depth", type=_count, default=100, metavar="K", help="passages a system returns (100)")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="of the bootstrap (20)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps the index (.cache/retrieval/SET)")
    parser.add_argument("--index", type=Path, metavar="DIR", help="ask this index instead of building one")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_retrieval)


def _retrieval(arguments: argparse.Namespace) -> int:
    reporter = Reporter(as_json=arguments.json)
    if arguments.compare:
        a, b = (read_result(path) for path in arguments.compare)
        found = compare_results(a, b, arguments.seed, arguments.systems or (), arguments.qrels)
        if not found["same_files"]:
            reporter.note("the two results are of different articles, questions or qrels")
        reporter.data(found, comparison_tables(found))
        return 0
    options = Options(
        systems=arguments.systems or USUAL,
        **{key: getattr(arguments, key) for key in ("baseline", "half", "limit", "joined", "depth", "seed")},
    )
    of = read_retrieval_set(arguments.set, arguments.qrels)
    cache = arguments.cache or ROOT / ".cache" / "retrieval" / of.name
    encoder = load_encoder(load_settings().encoder)
    index = arguments.index or _index_of(of.articles, cache, encoder, reporter)
    with bars() as told:
        result = benchmark(of, Index.open(index, encoder), encoder, cache, options, told)
    file = write_result(result, "retrieval", arguments.out)
    shown = without_questions(result)
    reporter.data(shown | {"file": str(file)}, result_tables(shown))
    for name, qrels in result["qrels"].items():
        if qrels["missing"]:
            reporter.note(f"{name}: {qrels['missing']} relevant articles are not in the index and cannot be found")
    reporter.note(f"written to {file}")
    return 0


def _index_of(articles: Path, cache: Path, encoder: Encoder, reporter: Reporter) -> Path:
    """Bring the set's own index up to date and say what could not be read."""
    reporter.note(f"bringing the index in {cache} up to date")
    with bars() as told:
        index, report = build_index(articles, cache, encoder, told)
    if report.failures:
        first = report.failures[0]
        reporter.note(f"{report.failed} articles cannot be read, the first: {first.path}: {first.reason}")
    return index


# --- faithfulness


def _add_faithfulness(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "faithfulness",
        help="measure whether the verifier tells what a text carries",
        description="Check the sentences of QAGS, FRANK and WiCE, sentences changed by rule, and citations put beside "
        "the right place, and measure what the verifier says.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="the folder with the sets as they were published")
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all", help="only this half, by source")
    parser.add_argument("--only", type=_names, default=(), metavar="A,B", help="only these sets, as frank-bbc")
    parser.add_argument("--fit", action="store_true", help="first fit the verifier's weights on the tuning half")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="of the bootstrap and the changes (20)")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_faithfulness)


def _faithfulness(arguments: argparse.Namespace) -> int:
    from eval.claims import examples
    from eval.faithfulness import fit, run, tables

    reporter = Reporter(as_json=arguments.json)
    known = examples(arguments.set, SETS / "seeds", ROOT / "seeds", arguments.seed)
    encoder = load_encoder(load_settings().encoder)
    if arguments.fit:
        tune = [example for example in known if example.half == "tune"]
        with reporter.progress("fitting") as told:
            fit(encoder, tune, ROOT / "rag" / "data" / "verifier.json", told)
    asked = [e for e in known if arguments.half in ("all", e.half) and (not arguments.only or e.of in arguments.only)]
    if not asked:
        raise EvalError(f"{arguments.set} has no such examples: leave --half and --only out")
    with reporter.progress("checking") as told:
        result = run(encoder, asked, arguments.set.resolve().name, arguments.half, arguments.seed, told)
    file = write_result(result, "faithfulness", arguments.out)
    shown = {key: value for key, value in result.items() if key != "results"}
    reporter.data(shown | {"file": str(file)}, tables(shown))
    reporter.note(f"written to {file}")
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a whole number from 1 up")
    return number


# --- bench


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure time and memory beside the bare encoder, bare FAISS and a peer",
        description="Measure time and memory over an archive: all of it with random vectors, some of it encoded.",
    )
    parser.add_argument(
        "archive", nargs="?", type=Path, metavar="ARCHIVE", help="a folder or file; else made-up articles"
    )
    parser.add_argument("--articles", type=_count, default=200, metavar="N", help="encode so many (200)")
    parser.add_argument("--questions", type=Path, metavar="FILE", help="JSON lines with question; else titles")
    parser.add_argument("--peer", choices=("txtai",), help="give the same passages to this; needs its package")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from eval.bench import Options, bench
    from eval.bench_report import bench_table

    reporter = Reporter(as_json=arguments.json)
    options = Options(**{key: getattr(arguments, key) for key in ("archive", "articles", "questions", "peer")})
    with bars() as told:
        result = bench(options, load_encoder(load_settings().encoder), reporter.note, told)
    file = write_result(result, "bench", arguments.out)
    reporter.data(result | {"file": str(file)}, [bench_table(result)])
    reporter.note(f"written to {file}")
    return 0


# --- scale


def _add_scale(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "scale",
        help="measure vector indexes of any size against exact search",
        description="Build vector indexes of the vectors of an index, and of as many drawn from them as you like, and "
        "measure what each costs and finds.",
    )
    parser.add_argument("index", type=Path, metavar="INDEX", help="an index folder, built with vectors")
    parser.add_argument("--sizes", type=_counts, default=(), metavar="N,M", help="numbers of vectors to draw")
    parser.add_argument("--questions", type=Path, metavar="FILE", help="JSON lines with question; else titles")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a plot of time against size there")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where results go (eval/results)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=_scale)


def _scale(arguments: argparse.Namespace) -> int:
    from eval.scale import scale, scale_plot, scale_table

    reporter = Reporter(as_json=arguments.json)
    encoder = load_encoder(load_settings().encoder)
    result = scale(arguments.index, encoder, arguments.sizes, arguments.questions, reporter.note)
    file = write_result(result, "scale", arguments.out)
    if arguments.plot:
        arguments.plot.write_text(scale_plot(result), encoding="utf-8")
    reporter.data(result | {"file": str(file)}, [scale_table(result)])
    reporter.note(f"written to {file}")
    return 0


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(number) for number in text.replace("_", "").split(","))


# --- common


def _own_seeds(questions: QuestionSet) -> Path | None:
    """The folder of articles that a set under eval/sets was made for: the one of its name in the checkout."""
    folder = ROOT / questions.name
    return folder if questions.path.resolve().is_relative_to(SETS) and folder.is_dir() else None


def _files_of(settings: Settings, known: bool) -> Path | None:
    """The folder that the index was built from; None when not known, as with an index given alone."""
    return settings.seeds if known and settings.seeds.is_dir() else None


def _threshold(text: str) -> tuple[str, float]:
    key, _, number = text.partition("=")
    if key not in BY_KEY:
        raise argparse.ArgumentTypeError(f"no measure {key!r}; there are {', '.join(BY_KEY)}")
    try:
        return key, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not MEASURE=VALUE with a number") from None


def _check_thresholds(thresholds: Sequence[tuple[str, float]], numbers: Json) -> None:
    """Raise EvalError for all thresholds that the measures over the whole run do not meet."""
    (*_, whole) = numbers["measures"].values()
    failed = []
    for key, threshold in thresholds:
        found = whole.get(key)
        if found is None:
            failed.append(f"{key} has no value on this set")
        elif not BY_KEY[key].meets(found["value"], threshold):
            failed.append(
                f"{key} is {found['value']:.4g}, {'over' if BY_KEY[key].lower_is_better else 'under'} {threshold}"
            )
    if failed:
        raise EvalError("; ".join(failed))


if __name__ == "__main__":
    sys.exit(main())
