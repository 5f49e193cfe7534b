"""The load generator: bots that play over MCP, and the verification that no turn was lost."""
