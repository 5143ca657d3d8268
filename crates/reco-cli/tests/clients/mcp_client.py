"""Asks a service by the client of the Model Context Protocol. Arguments: the service's address, a user and an item."""

import asyncio
import json
import sys

from mcp import Client

address, user, item = sys.argv[1:]


async def main() -> None:
    async with Client(f"{address}/mcp") as client:
        assert client.server_info.name == "reco", client.server_info
        assert client.instructions, "an assistant is told what the tools are for"
        await client.send_ping()
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(tools) == ["explain", "recommend", "search", "similar"], tools

        async def call(name: str, **arguments: object) -> dict:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result
            return json.loads(result.content[0].text)

        best = await call("recommend", user_id=user, k=2)
        assert len(best["items"]) == 2, best
        new = await call("recommend", ratings=[{"item_id": item, "rating": 5}], k=3)
        assert item not in [str(one["item_id"]) for one in new["items"]], new
        similar = await call("similar", item_id=item, k=3)
        assert len(similar["items"]) == 3, similar
        title = similar["items"][0]["title"]
        found = await call("search", query=title, k=1)
        assert found["items"][0]["title"] == title, found
        explained = await call("explain", user_id=user, item_id=item)
        assert str(explained["items"][0]["item_id"]) == item, explained

        wrong = await client.call_tool("similar", {"item_id": "nobody-knows"})
        assert wrong.is_error and "unknown item" in wrong.content[0].text, wrong


asyncio.run(main())
