"""MCP: tools and their registry, schemas, views, the short way, the SDK way, stdio."""
