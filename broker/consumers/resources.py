"""What a token can be meant for."""

MCP_PATH = "/mcp"


class Resources:
    """What tokens can be meant for: the interface at our address, or the MCP endpoint there (RFC 8707)."""

    def __init__(self, public_url: str) -> None:
        self.rest = public_url
        self.mcp = public_url + MCP_PATH
        self.all = frozenset({self.rest, self.mcp})

    def at(self, path: str) -> str:
        """The resource that a path belongs to."""
        return self.mcp if path == MCP_PATH or path.startswith(f"{MCP_PATH}/") else self.rest
