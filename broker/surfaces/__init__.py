"""Ways in: HTTP, MCP, command line. They read, call a use case and write; they decide nothing."""
