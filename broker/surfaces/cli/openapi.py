"""``trust-broker openapi``."""

import json
from pathlib import Path
from typing import Any, cast

import typer
import yaml

from broker.clock import SystemClock
from broker.surfaces.api.app import create_app
from broker.surfaces.mcp import texts
from broker.surfaces.mcp.tools import TOOLS as TOOL_ENTRIES
from broker.surfaces.ports import Services

TARGET = Path("openapi/broker.v1.yaml")
TOOLS = Path("openapi/mcp-tools.json")


def run(*, write: bool) -> None:
    """Print the contract, or write it to where it is published."""
    text = document()
    if write:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(text, "utf-8")
        TOOLS.write_text(tools_document(), "utf-8")
        typer.echo(f"wrote {TARGET} and {TOOLS}")
    else:
        typer.echo(text)


def document() -> str:
    """OpenAPI 3.1 of the REST surface as YAML. No broker is opened: the contract follows from the routes alone."""
    app = create_app(cast("Services", _Shape()))
    return yaml.safe_dump(app.openapi_schema.to_schema(), sort_keys=False, allow_unicode=True, width=120)


def tools_document() -> str:
    """What agents read about the MCP tools, as ``tools/list`` gives it: all of it, for a caller with every scope."""
    listed = [entry.listed.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in TOOL_ENTRIES]
    document = {"version": texts.VERSION, "instructions": texts.INSTRUCTIONS, "tools": listed}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Shape:
    """As much of the services as building the routes looks at."""

    clock = SystemClock()
    public_url = "http://127.0.0.1:8080"
    deadline_min_ms = 250
    deadline_cap_ms = 4000

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)
