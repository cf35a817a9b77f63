"""Python SDK 1.x: connects, lists everything offered, calls one tool and prints what it saw.

Argument: {"transport": "http"|"sse", "url", "tool", "arguments"}
"""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client


def plain(model):
    """The message as it was on the wire, as far as the SDK keeps it."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main(task):
    connect = {"http": streamable_http_client, "sse": sse_client}[task["transport"]]
    async with connect(task["url"]) as streams, ClientSession(streams[0], streams[1]) as session:
        server = await session.initialize()
        offered = server.capabilities
        report = {
            "server": plain(server.serverInfo),
            "tools": plain(await session.list_tools())["tools"],
            "prompts": plain(await session.list_prompts())["prompts"] if offered.prompts else None,
            "resources": plain(await session.list_resources())["resources"] if offered.resources else None,
            "result": plain(await session.call_tool(task["tool"], task["arguments"])),
        }
    print(json.dumps(report))


asyncio.run(main(json.loads(sys.argv[1])))
