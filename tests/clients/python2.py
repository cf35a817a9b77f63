"""Python SDK 2.x, a client of both eras (what its argument and its report are: `peers.py`)."""

import asyncio
import json
import sys

import mcp_types as types
from mcp import Client
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

TASK = json.loads(sys.argv[1])
NAME = TASK["name"]
MODERN = "2026-07-28"
# Of what the server declares a pinned client knows nothing: it has not asked.
MODE = {"auto": "auto", "legacy": "legacy", "modern": MODERN}[TASK["era"]]


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
    async with Client(TASK["url"], mode=MODE, **(callbacks if TASK["interactive"] else {})) as client:
        report = {
            "era": "modern" if client.protocol_version in MODERN_PROTOCOL_VERSIONS else "legacy",
            "tools": plain(await client.list_tools())["tools"],
            "results": [plain(await client.call_tool(call["tool"], call["arguments"])) for call in TASK["calls"]],
        }
        if MODE != MODERN:
            offered = client.server_capabilities
            report["server"] = plain(client.server_info)
            report["prompts"] = plain(await client.list_prompts())["prompts"] if offered.prompts else None
            report["resources"] = plain(await client.list_resources())["resources"] if offered.resources else None
    print(json.dumps(report))


asyncio.run(main())
