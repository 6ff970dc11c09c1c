"""A question being answered, apart from the page that shows it.

Streamlit reruns the page from its top at every click and stops the run that was going on. An answer that takes
seconds would be lost to a click on a citation, or asked twice. So the question runs on a thread of its own, which
keeps what happened so far, and each run of the page follows it from the first event.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Generic, TypeVar

Event = TypeVar("Event")


@cache
def _in_turn() -> ThreadPoolExecutor:
    """Threads for what keeps a core busy, one for each: more of it at once would only be slower, and unfair."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="onrecord-asking")


class Asking(Generic[Event]):
    """Run `stream` to its end on a thread of its own; each event is given to `keep` before anybody sees it.

    With `busy`, which says that it computes more than it waits, it takes its turn with the others that do.

    Attributes:
        began: when, in seconds of `time.monotonic`.
    """

    def __init__(
        self, stream: Callable[[], Iterator[Event]], keep: Callable[[Event], None] | None = None, busy: bool = False
    ) -> None:
        self.began = time.monotonic()
        self._keep = keep
        self._events: list[tuple[float, Event]] = []
        self._error: Exception | None = None
        self._done = False
        self._stopped = False
        self._news = threading.Condition()
        if busy:
            _in_turn().submit(self._run, stream)
        else:
            threading.Thread(target=self._run, args=(stream,), name="onrecord-asking", daemon=True).start()

    def stop(self) -> None:
        """Let go of the answer: no further event is kept or shown."""
        self._stopped = True

    def follow(self, tick: float) -> Iterator[tuple[float, Event | None]]:
        """Yield every event from the first, with when it came; None each `tick` seconds in which nothing new did.

        Raises:
            Exception: what the stream raised, after the events that came before it.
        """
        seen = 0
        while True:
            with self._news:
                if len(self._events) == seen and not self._done:
                    self._news.wait(timeout=tick)
                news, done = self._events[seen:], self._done
            seen += len(news)
            yield from news
            if done:
                break
            if not news:
                yield time.monotonic(), None
        if self._error is not None:
            raise self._error

    def _run(self, stream: Callable[[], Iterator[Event]]) -> None:
        try:
            for event in () if self._stopped else stream():
                if self._stopped:
                    break
                if self._keep is not None:
                    self._keep(event)
                with self._news:
                    self._events.append((time.monotonic(), event))
                    self._news.notify_all()
        except Exception as error:  # whatever it is, it belongs to whoever follows
            self._error = error
        finally:
            with self._news:
                self._done = True
                self._news.notify_all()
