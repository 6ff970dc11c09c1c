"""Several people at the chat at once: nobody waits for ever, and nobody sees what is another's."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.helpers.load import THINGS, Tally, chat, crowd, question, town

PEOPLE = 5


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_each_of_several_people_gets_the_answer_to_their_own_question() -> None:
    with chat(PEOPLE) as url:
        tally = asyncio.run(crowd(url, PEOPLE, rounds=2))
    assert (tally.errors, tally.mixed) == ([], [])
    assert (tally.tried, len(tally.seconds)) == (2 * PEOPLE, 2 * PEOPLE)


def test_no_two_people_ask_the_same() -> None:
    assert len({town(person) for person in range(50)}) == 50
    assert len({question(person, round_) for person in range(50) for round_ in range(len(THINGS))}) == 150


def test_percentiles_are_of_answers_that_came() -> None:
    tally = Tally(seconds=[n / 100 for n in range(100, 0, -1)])
    assert (tally.percentile(0.5), tally.percentile(0.95)) == (0.5, 0.95)
    assert math.isnan(Tally().percentile(0.95))
