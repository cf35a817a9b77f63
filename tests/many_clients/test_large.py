"""Large messages both ways at once through one shared process: no hang, and not a byte altered.

A pipe holds 64 KiB: whoever stops reading one pipe while writing the other hangs here.
"""

import asyncio

import httpx
import pytest

from harness.paths import EVERYTHING_V1
from harness.raw_http import RawSession

KIB = 1024
# What tends to be altered on the way: escapes, separators that are not line ends, characters of
# two, three and four bytes, a character that only joins.
HARD = 'plain "quoted" \\ / \b\f\n\r\t \x00\x1f\x7f é\u00a0\u2028\u2029\ufeff\u200d \U0001f41d '


@pytest.mark.parametrize(
    ("sessions", "calls_each", "size"),
    [(16, 1, 1024 * KIB), (1, 16, 1024 * KIB), (4, 1, 64 * KIB), (16, 4, 16 * KIB)],
    ids=["16x1MiB", "16x1MiB-one-session", "4x64KiB", "64x16KiB"],
)
def test_concurrent_echo_is_exact(sessions, calls_each, size, start_proxy):
    proxy = start_proxy(EVERYTHING_V1, "shared")
    asyncio.run(_echo_all(proxy.url, sessions, calls_each, size))


async def _echo_all(url: str, sessions: int, calls_each: int, size: int) -> None:
    async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as http:
        opened = [RawSession(http, url) for _ in range(sessions)]
        await asyncio.gather(*(session.open() for session in opened))
        calls = [_echo(opened[s], s, call, size) for s in range(sessions) for call in range(calls_each)]
        await asyncio.gather(*calls)
        await asyncio.gather(*(session.close() for session in opened))


async def _echo(session: RawSession, number: int, call: int, size: int) -> None:
    text = _payload(f"session {number} call {call} ", size)
    # The id is the same in every session.
    result = await session.request("tools/call", {"name": "echo", "arguments": {"text": text}}, id=call + 1)
    (block,) = result["content"]
    assert block["text"].encode() == text.encode()


def _payload(label: str, size: int) -> str:
    """A text of exactly `size` bytes of UTF-8 that begins with the label."""
    unit = label + HARD
    whole, rest = divmod(size, len(unit.encode()))
    return unit * whole + "." * rest
