"""A server with the tools and resources that the suite calls by name, behind the broker's own mount.

The suite can only try what it knows: texts, errors, progress, resources. So the mount is tried with the suite's things
in the place of ours: authentication, the two ways that answers travel and the reading of bodies are the broker's.
"""

import asyncio
import base64
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from broker.surfaces.mcp.mount import McpContext as Context
from broker.surfaces.mcp.mount import McpMount

_PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301"
        "0100c9fe92ef0000000049454e44ae426082"
    )
).decode("ascii")
_SILENCE = base64.b64encode(
    bytes.fromhex("524946462400000057415645666d74201000000001000100401f0000803e0000020010006461746100000000")
).decode("ascii")
_NEEDS_SAMPLING = -32021
_TEXT = types.TextContent(type="text", text="A text.")
_IMAGE = types.ImageContent(type="image", data=_PIXEL, mime_type="image/png")
_AUDIO = types.AudioContent(type="audio", data=_SILENCE, mime_type="audio/wav")


def _embedded(uri: str) -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type="text/plain", text="A text of a resource.")
    return types.EmbeddedResource(type="resource", resource=contents)


_CONTENTS: dict[str, list[Any]] = {
    "test_simple_text": [_TEXT],
    "test_image_content": [_IMAGE],
    "test_audio_content": [_AUDIO],
    "test_embedded_resource": [_embedded("test://embedded-resource")],
    "test_multiple_content_types": [_TEXT, _IMAGE, _embedded("test://mixed-content-resource")],
    "test_tool_with_progress": [_TEXT],
    "test_error_handling": [_TEXT],
    "test_missing_capability": [_TEXT],
}


class FixtureMount(McpMount):
    """The mount with the things of the suite."""

    async def _list_tools(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        schema = {"type": "object", "additionalProperties": False}
        listed = [types.Tool(name=name, description=f"The suite's {name}.", input_schema=schema) for name in _CONTENTS]
        return types.ListToolsResult(tools=listed)

    async def _call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in _CONTENTS:
            raise MCPError(types.INVALID_PARAMS, "no such tool")
        if params.name == "test_missing_capability":
            raise MCPError(_NEEDS_SAMPLING, "needs sampling", {"requiredCapabilities": {"sampling": {}}})
        if params.name == "test_tool_with_progress":
            for done in (0, 50, 100):
                await context.session.report_progress(done, 100)
                await asyncio.sleep(0.02)
        return types.CallToolResult(content=_CONTENTS[params.name], is_error=params.name == "test_error_handling")

    async def _list_resources(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        names = ("static-text", "static-binary")
        return types.ListResourcesResult(
            resources=[types.Resource(uri=f"test://{name}", name=name, description="Of the suite.") for name in names]
        )

    async def _list_templates(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        template = types.ResourceTemplate(uri_template="test://template/{id}/data", name="template")
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def _read_resource(
        self, _context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = params.uri
        if uri == "test://static-binary":
            return types.ReadResourceResult(
                contents=[types.BlobResourceContents(uri=uri, mime_type="image/png", blob=_PIXEL)]
            )
        if uri != "test://static-text" and not uri.startswith("test://template/"):
            raise MCPError(types.INVALID_PARAMS, "no such resource", {"uri": uri})
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type="text/plain", text=f"The text of {uri}.")]
        )
