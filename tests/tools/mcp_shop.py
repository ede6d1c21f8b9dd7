"""An MCP server for tests, over stdio: prices, a tool that fails, one that hangs, one that answers with a lot."""

from __future__ import annotations

import os
import time

from mcp.server import MCPServer

server: MCPServer[None] = MCPServer("shop")


@server.tool()
def price(product: str) -> dict[str, float]:
    """What a product costs, in dollars."""
    if product != "tent":
        raise ValueError(f"there is no {product}")
    return {"usd": 120.5}


@server.tool()
def secret() -> str:
    """What stands in the environment."""
    return os.environ.get("SHOP_SECRET", "nothing")


@server.tool()
def hang() -> str:
    """Says nothing for a while."""
    time.sleep(3)
    return "late"


@server.tool()
def much() -> str:
    """Says a lot."""
    return "x" * 10_000_000


if __name__ == "__main__":
    server.run("stdio")
