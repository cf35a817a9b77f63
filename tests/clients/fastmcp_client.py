"""The client of the fastmcp package, of both eras (what its argument and its report are: `peers.py`)."""

import asyncio
import json
import sys

from fastmcp import Client

TASK = json.loads(sys.argv[1])
NAME = TASK["name"]
MODERN = "2026-07-28"
MODE = {"auto": "auto", "legacy": "legacy", "modern": MODERN}[TASK["era"]]


async def elicit(message, response_type, params, context):
    return {"answer": f"{NAME} answers {message}"}


async def sample(messages, params, context):
    return f"{NAME} answers {messages[0].content.text}"


def plain(model):
    """The message as it was on the wire, as far as the package keeps it."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main():
    handlers = {"elicitation_handler": elicit, "sampling_handler": sample, "roots": [f"file:///{NAME}"]}
    async with Client(TASK["url"], mode=MODE, **(handlers if TASK["interactive"] else {})) as client:
        results = [await client.call_tool_mcp(call["tool"], call["arguments"]) for call in TASK["calls"]]
        report = {
            "era": "modern" if client.protocol_version == MODERN else "legacy",
            "tools": [plain(tool) for tool in await client.list_tools()],
            "results": [plain(result) for result in results],
        }
    print(json.dumps(report))


asyncio.run(main())
