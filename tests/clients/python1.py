"""Python SDK 1.x, a client of the legacy era (what its argument and its report are: `peers.py`)."""

import asyncio
import json
import sys

from mcp import ClientSession, types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

TASK = json.loads(sys.argv[1])
NAME = TASK["name"]


async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"answer": f"{NAME} answers {params.message}"})


async def sample(context, params):
    text = f"{NAME} answers {params.messages[0].content.text}"
    return types.CreateMessageResult(role="assistant", model="none", content=types.TextContent(type="text", text=text))


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri=f"file:///{NAME}")])


def plain(model):
    """The message as it was on the wire, as far as the SDK keeps it."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main():
    callbacks = {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}
    connect = {"http": streamable_http_client, "sse": sse_client}[TASK["transport"]]
    async with (
        connect(TASK["url"]) as streams,
        ClientSession(streams[0], streams[1], **(callbacks if TASK["interactive"] else {})) as session,
    ):
        server = await session.initialize()
        offered = server.capabilities
        report = {
            "era": "legacy",
            "server": plain(server.serverInfo),
            "tools": plain(await session.list_tools())["tools"],
            "prompts": plain(await session.list_prompts())["prompts"] if offered.prompts else None,
            "resources": plain(await session.list_resources())["resources"] if offered.resources else None,
            "results": [plain(await session.call_tool(call["tool"], call["arguments"])) for call in TASK["calls"]],
        }
    print(json.dumps(report))


asyncio.run(main())
