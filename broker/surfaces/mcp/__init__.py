"""The Model Context Protocol surface, over Streamable HTTP at ``/mcp``.

Built on the official SDK, stateless, so that it serves the revision of 2026-07-28 and the older handshake on one
endpoint. The texts of tools and resources are constants: nothing that an operator or a subject said gets into them.
"""

from broker.surfaces.mcp.mount import PATH, McpMount

__all__ = ["PATH", "McpMount"]
