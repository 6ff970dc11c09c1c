"""Many people at the chat at once, each with questions of their own: `python -m tests.helpers.load --people 20`.

Each person is a session over Streamlit's WebSocket, like a browser, and has an own article in the archive; all ask at
the same moment. It prints how many questions were asked, how many failed or got another person's article, how many
sessions saw another person's question, and the seconds until the answer was on the page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import ChatInputValue
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 600  # that a session waits for a message
PACE_SECONDS = 2.0  # within which 19 of 20 answers must be on the page
# Places whose names no encoder takes for each other.
TOWNS = (
    "Quillan Ambervale Norstead Telwick Marrowby Castleford Duxmere Elmsport Farrowhythe Glimmerton Hollowbrook "
    "Ivoryhead Juniperfield Kestrelmouth Larkspur Mossgate Nettlecombe Orchardby Pellworth Ravenscar"
).split()
THINGS = ("harbour", "bridge", "library")


@dataclass
class Tally:
    """The results of the questions.

    Attributes:
        errors: what went wrong, one line each.
        mixed: what a session saw that belongs to another one.
        seconds: until the answer was on the page, for each answer.
    """

    tried: int = 0
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return the smallest time within which that share of the answers came; nan when none did."""
        ranked = sorted(self.seconds)
        return ranked[math.ceil(share * len(ranked)) - 1] if ranked else math.nan

    def __str__(self) -> str:
        return (
            f"tried {self.tried}, errors {len(self.errors)}, mixed {len(self.mixed)}, "
            f"p50 {self.percentile(0.5):.2f} s, p95 {self.percentile(0.95):.2f} s"
        )


def town(person: int) -> str:
    """Return the place that this person asks about, and nobody else."""
    name = TOWNS[person % len(TOWNS)]
    return name if person < len(TOWNS) else f"{name} {person // len(TOWNS) + 1}"


def write_articles(folder: Path, people: int) -> None:
    """Write an article for each person into a new folder."""
    folder.mkdir(parents=True)
    for person in range(people):
        lines = [
            f"The {thing} of {town(person)} costs {10 * person + place + 11} million dollars, the mayor said."
            for place, thing in enumerate(THINGS)
        ]
        (folder / f"{person:03}.txt").write_text(f"Building in {town(person)} goes on\n\n" + "\n\n".join(lines))


def question(person: int, round_: int) -> str:
    return f"How much does the {THINGS[round_]} of {town(person)} cost?"


class Session:
    """One person's page, put together from the messages of the server."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._script = ""
        self._input = ""
        self.questions: dict[str, str] = {}  # component id -> what was asked
        self.answers: dict[str, dict[str, Any]] = {}  # component id -> what is shown
        self.exceptions: list[str] = []

    async def run(self, asked: str = "") -> None:
        """Ask the server to draw the page, with a question if one is given, and wait until it is drawn."""
        state = ClientState(page_script_hash=self._script)
        if asked:
            state.widget_states.widgets.append(WidgetState(id=self._input, chat_input_value=ChatInputValue(data=asked)))
        await self._connection.send(BackMsg(rerun_script=state).SerializeToString())
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                data = await self._connection.recv()
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._script = message.new_session.page_script_hash
            elif kind == "delta":
                self._take(message.delta.new_element)
            elif kind == "script_finished":
                return

    async def ask(self, asked: str) -> tuple[float, dict[str, Any]]:
        """Ask; return the seconds until the page was drawn to its end, and the answer that stands there."""
        known = set(self.answers)
        began = time.monotonic()
        await self.run(asked)
        took = time.monotonic() - began
        (answer,) = (shown for id_, shown in self.answers.items() if id_ not in known)
        return took, answer

    def _take(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "chat_input":
            self._input = element.chat_input.id
        elif kind == "exception":
            self.exceptions.append(element.exception.message)
        elif kind == "bidi_component":
            component = element.bidi_component
            if component.component_name == "onrecord.question":
                self.questions[component.id] = json.loads(component.json)[0]["question"]
            elif component.component_name == "onrecord.answer":
                self.answers[component.id] = json.loads(component.json)[0]["answer"]


async def person(url: str, number: int, rounds: int, together: asyncio.Barrier, tally: Tally) -> None:
    """Open the chat, wait for the others, and ask one question after the other."""
    socket = f"ws://{urlsplit(url).netloc}/_stcore/stream"
    mine: list[str] = []
    async with connect(socket, origin=url, subprotocols=["streamlit"], max_size=None) as connection:  # type: ignore[arg-type, list-item]
        session = Session(connection)
        await session.run()
        await together.wait()
        for round_ in range(rounds):
            mine.append(question(number, round_))
            tally.tried += 1
            try:
                took, answer = await session.ask(mine[-1])
            except (OSError, TimeoutError, ValueError) as error:
                tally.errors.append(f"{mine[-1]}: {type(error).__name__} {error}")
                continue
            tally.seconds.append(took)
            quotes = [citation["quote"] for citation in answer["citations"]]
            if not quotes or not all(f" of {town(number)} costs" in quote for quote in quotes[:1]):
                tally.errors.append(f"{mine[-1]}: answered with {quotes or answer['lines']}")
        tally.errors += session.exceptions
        tally.mixed += [f"{town(number)} saw {asked!r}" for asked in session.questions.values() if asked not in mine]


async def crowd(url: str, people: int, rounds: int = len(THINGS)) -> Tally:
    """Let so many people ask at once, so many questions each, of the chat at `url` over `write_articles`' archive."""
    tally, together = Tally(), asyncio.Barrier(people)
    async with asyncio.TaskGroup() as group:
        for number in range(people):
            group.create_task(person(url, number, rounds, together, tally))
    return tally


@contextmanager
def chat(people: int) -> Iterator[str]:
    """The chat's server over an archive with an article for each person, until the block ends."""
    from rag.index.build import build
    from tests.helpers.serving import serving

    with tempfile.TemporaryDirectory(prefix="onrecord-load-") as name:
        folder = Path(name)
        write_articles(folder / "seeds", people)
        build(folder / "seeds", folder / "index")
        with serving(folder) as url:
            yield url


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit status 1 when anything failed, was mixed up, or came too late."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.helpers.load", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--people", type=int, default=20)
    people = parser.parse_args(arguments).people
    with chat(people) as url:
        tally = asyncio.run(crowd(url, people))
    sys.stdout.write(f"{people} people: {tally}\n")
    for line in [*tally.errors, *tally.mixed]:
        sys.stderr.write(f"{line}\n")
    return int(bool(tally.errors or tally.mixed) or not tally.percentile(0.95) <= PACE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
