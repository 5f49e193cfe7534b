"""FastMCP with one trivial tool, stateless, JSON answers, on port `PORT`; run by its own environment."""

from __future__ import annotations

import os

from fastmcp import FastMCP

mcp = FastMCP("trivial")


@mcp.tool  # type: ignore[untyped-decorator]  # FastMCP is not in the environment that is checked
def handle_input(botId: str, input: str) -> str:  # noqa: A002, N803 (the names of the tool's arguments)
    """Answer a constant."""
    return "x" * 220


if __name__ == "__main__":
    mcp.run(
        transport="http", host="127.0.0.1", port=int(os.environ["PORT"]), path="/mcp", stateless_http=True,
        json_response=True, show_banner=False, log_level="error",
    )  # fmt: skip
