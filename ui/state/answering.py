"""Answer a question on a thread, apart from the page that shows it.

At every click Streamlit stops the present run of the page and runs it again from its top. A click on a citation would
lose an answer that takes seconds, or ask twice. So the question runs on a thread of its own, which collects the
events, and each run of the page follows them from the first one.
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
def _pool() -> ThreadPoolExecutor:
    """Return a thread for each core, for answers that compute: more at once would only be slower."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="onrecord-asking")


class Asking(Generic[Event]):
    """Run `stream` to its end on a thread of its own; `save` gets each event before anybody sees it.

    `busy` means that it computes more than it waits. Then it waits until a core is free.

    Attributes:
        began: when, in seconds of `time.monotonic`.
    """

    def __init__(
        self, stream: Callable[[], Iterator[Event]], save: Callable[[Event], None] | None = None, busy: bool = False
    ) -> None:
        self.began = time.monotonic()
        self._save = save
        self._events: list[tuple[float, Event]] = []
        self._error: Exception | None = None
        self._done = False
        self._stopped = False
        self._news = threading.Condition()
        if busy:
            _pool().submit(self._run, stream)
        else:
            threading.Thread(target=self._run, args=(stream,), name="onrecord-asking", daemon=True).start()

    def stop(self) -> None:
        """Stop: no further event is saved or shown."""
        self._stopped = True

    def follow(self, tick: float) -> Iterator[tuple[float, Event | None]]:
        """Yield every event from the first, with its time; None after each `tick` seconds without an event.

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
                if self._save is not None:
                    self._save(event)
                with self._news:
                    self._events.append((time.monotonic(), event))
                    self._news.notify_all()
        except Exception as error:  # `follow` raises it
            self._error = error
        finally:
            with self._news:
                self._done = True
                self._news.notify_all()
