"""The command line: data on stdout, messages and progress on stderr, exit 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from rag import __version__
from rag.cli import article, ask, build, chat_server, check, eval, search, status, verify
from rag.cli.options import Command
from rag.cli.output import print_message, printable
from rag.config import load_settings
from rag.errors import OnRecordError

COMMANDS = (build, ask, search, verify, article, status, check, eval, chat_server)  # in the order of `onrecord --help`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Raises:
        SystemExit: wrong usage (2), or `--help` or `--version` (0).
    """
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        settings = load_settings(
            index=options.index,
            seeds=getattr(options, "seeds", None),
            llm=getattr(options, "llm", None),
            reranker=getattr(options, "reranker", None),
        )
        exit_status = command(options, settings)
        sys.stdout.flush()
        return exit_status
    except OnRecordError as error:
        print_message(f"onrecord: {printable(str(error))}")
        return 1
    except KeyboardInterrupt:
        print_message("onrecord: interrupted; nothing that was committed is lost")
        return 130
    except BrokenPipeError:  # the reader of our output has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print_message(
            f"onrecord: the system refuses: {printable(str(error))}; check the free space and the permissions"
        )
        with suppress(OSError):  # at the end Python would try once more to write what could not be written
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onrecord", description="Cited answers over a folder of news articles.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"onrecord {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return parser
