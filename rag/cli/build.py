"""`onrecord build`: brings the index up to date with the folder of articles, once or after every change."""

from __future__ import annotations

import argparse
import signal
from typing import TYPE_CHECKING

from rag.cli.options import Commands, add_command, add_seeds_option
from rag.cli.output import bars, print_json, print_message, printable
from rag.config import Settings
from rag.errors import OnRecordError

if TYPE_CHECKING:
    from rag.index.build import BuildReport


def add(commands: Commands) -> None:
    """Add the parser of `build`."""
    parser = add_command(commands, "build", run, "bring the index up to date with the folder of articles")
    add_seeds_option(parser)
    parser.add_argument("--watch", action="store_true", help="go on, and build again whenever the articles change")
    parser.add_argument("--force", action="store_true", help="build anew from the articles, whatever the index holds")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Build once, or watch the folder, and return the exit status."""
    if options.watch:
        return _watch(options, settings)
    report = _build(settings, options.force)
    if options.json:
        print_json(report.to_json())
        return 0
    print(_summary(report))
    for failure in report.failures:
        print_message(f"not indexed: {printable(failure.path)}: {printable(failure.reason)}")
    return 0


def _watch(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.build import BuildReport
    from rag.index.watch import watch

    def build() -> BuildReport:
        report = _build(settings, options.force)
        options.force = False  # only the first build starts anew
        return report

    def show(news: BuildReport | OnRecordError) -> None:
        if not isinstance(news, BuildReport):
            print_message(f"onrecord: {printable(str(news))}")
        elif options.json:
            print_json(news.to_json())
        else:
            print_message(printable(_summary(news) + _failures(news)))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        watch(settings.seeds, settings.index, build, show)
    except KeyboardInterrupt:
        print_message("onrecord: no longer watching; nothing that was committed is lost")
    return 0


def _build(settings: Settings, force: bool) -> BuildReport:
    from rag.index.build import build

    with bars() as progress:
        return build(settings.seeds, settings.index, settings.encoder, force=force, progress=progress)


def _summary(report: BuildReport) -> str:
    counts = report.to_json()["articles"]
    changes = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return (
        f"generation {report.generation}: {changes or 'no change'}; {report.passages} passages, "
        f"{report.encoded} encoded in {report.seconds:.1f} s"
    )


def _failures(report: BuildReport) -> str:
    """Return the end of a summary that fits one line: the first failure, and how many more there are."""
    if not report.failures:
        return ""
    first, *others = report.failures
    more = f", and {len(others)} more: see `onrecord status`" if others else ""
    return f"; not indexed: {first.path}: {first.reason}{more}"
