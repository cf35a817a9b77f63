"""Calls of many users that wait for their input at the same time: a `requestState` opens its own call only.

A legacy server's question holds up the call it belongs to, so Waggle keeps the call, and gives the client a
state that stands for it; a modern server seals a state of its own.
"""

import asyncio
import json
import time

import httpx
import pytest

from harness.modern_http import Answer, ModernClient
from harness.paths import EVERYTHING_V1, MODERN_ONLY
from harness.processes import wait_until

USERS = 24
ROUNDS = 3
# The same in every client.
ID = 7
CAPABILITIES = {"elicitation": {}}
INVALID_PARAMS = -32602
SECONDS = 120
SERVERS = {"legacy": EVERYTHING_V1, "modern": MODERN_ONLY}


@pytest.mark.parametrize("server", SERVERS)
def test_everybody_answers_the_own_question(server, start_proxy):
    """All are asked before anybody answers, several times over."""
    proxy = start_proxy(SERVERS[server])
    asyncio.run(_interview_everybody(proxy.url))


@pytest.mark.parametrize("how", ["of another user", "for another request", "tampered", "made up"])
def test_a_state_that_does_not_fit_is_refused(how, start_proxy):
    """With -32602, and the call that it was meant for goes on."""
    proxy = start_proxy(EVERYTHING_V1)
    asyncio.run(_misuse(proxy.url, how))


@pytest.mark.parametrize("how", ["tampered", "made up"])
def test_a_modern_servers_own_refusal_comes_through(how, start_proxy):
    proxy = start_proxy(MODERN_ONLY)
    asyncio.run(_misuse(proxy.url, how))


def test_a_state_is_good_for_one_round(start_proxy):
    """Used, it is refused: while the call goes on, and after it has ended."""
    proxy = start_proxy(EVERYTHING_V1)
    asyncio.run(_replay(proxy.url))


def test_a_state_expires(start_proxy):
    """Who comes back too late is refused, and the call has left its process to others."""
    proxy = start_proxy(EVERYTHING_V1, options=["--input-timeout", "1s", "--max-processes", "2"])
    asyncio.run(_come_back_late(proxy.url))


class User:
    """One of many, with a call of its own."""

    def __init__(self, http: httpx.AsyncClient, url: str, number: int):
        self.name = f"user-{number}"
        self._client = ModernClient(http, url, authorization=f"Bearer {self.name}")

    async def call(self, rounds: int = ROUNDS, **retry) -> Answer:
        """An interview of the user, from its beginning or with `inputResponses` and `requestState`."""
        params = {"name": "interview", "arguments": {"label": self.name, "rounds": rounds}, **retry}
        return await self._client.request("tools/call", params, ID, capabilities=CAPABILITIES)

    async def answer(self, asked: dict, **changes) -> Answer:
        """The retry that answers; `changes` are made to it."""
        responses = {key: self._answer_to(question) for key, question in asked["inputRequests"].items()}
        return await self.call(**{"inputResponses": responses, "requestState": asked["requestState"]} | changes)

    def question(self, answer: Answer) -> str:
        """The one question that the user is asked."""
        assert answer.result["resultType"] == "input_required", answer
        (question,) = answer.result["inputRequests"].values()
        return question["params"]["message"]

    def assert_done(self, answer: Answer, rounds: int = ROUNDS) -> None:
        """The interview has ended, with the user's own answers."""
        assert answer.result["resultType"] == "complete", answer
        own = [f"{self.name} answers {self.name} {n}" for n in range(1, rounds + 1)]
        assert json.loads(answer.result["content"][0]["text"]) == own

    def _answer_to(self, question: dict) -> dict:
        return {"action": "accept", "content": {"answer": f"{self.name} answers {question['params']['message']}"}}


async def _interview_everybody(url: str) -> None:
    async with _http() as http:
        users = [User(http, url, number) for number in range(USERS)]
        answers = await asyncio.gather(*(user.call() for user in users))
        for n in range(1, ROUNDS + 1):
            assert [user.question(answer) for user, answer in zip(users, answers)] == [f"{u.name} {n}" for u in users]
            answers = await asyncio.gather(*(user.answer(asked.result) for user, asked in zip(users, answers)))
        for user, answer in zip(users, answers):
            user.assert_done(answer)


async def _misuse(url: str, how: str) -> None:
    async with _http() as http:
        user, other = User(http, url, 1), User(http, url, 2)
        asked, others = await asyncio.gather(user.call(), other.call())
        state = asked.result["requestState"]
        changes = {
            "of another user": {"requestState": others.result["requestState"]},
            "for another request": {"rounds": ROUNDS + 1},
            "tampered": {"requestState": _tampered(state)},
            "made up": {"requestState": "none of yours"},
        }
        refused = await user.answer(asked.result, **changes[how])
        assert refused.error["code"] == INVALID_PARAMS, refused

        for each, answer in ((user, asked), (other, others)):
            for _ in range(ROUNDS):
                answer = await each.answer(answer.result)
            each.assert_done(answer)


async def _replay(url: str) -> None:
    async with _http() as http:
        user = User(http, url, 1)
        first = (await user.call(2)).result
        second = (await user.answer(first, rounds=2)).result
        assert (await user.answer(first, rounds=2)).error["code"] == INVALID_PARAMS
        user.assert_done(await user.answer(second, rounds=2), 2)
        assert (await user.answer(second, rounds=2)).error["code"] == INVALID_PARAMS


async def _come_back_late(url: str) -> None:
    async with _http() as http:
        late, later = User(http, url, 1), User(http, url, 2)
        asked = (await late.call(1)).result
        # Only the clock says that a state is too old.
        expiry = time.monotonic() + 1.0
        await asyncio.to_thread(wait_until, lambda: time.monotonic() > expiry, 60, "the state expires")
        assert (await late.answer(asked, rounds=1)).error["code"] == INVALID_PARAMS

        # One that asks nothing, since an answer would have to come in that time, too.
        later.assert_done(await later.call(0), 0)


def _tampered(state: str) -> str:
    """Another character in the middle: the last one may have bits that count for nothing."""
    middle = len(state) // 2
    return state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=SECONDS, limits=httpx.Limits(max_connections=None))
