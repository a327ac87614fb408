from typing import Any

from claude_agent_sdk import ClaudeAgentOptions
from till import show

from broker.client import TrustBroker
from broker.client.guards import Rule
from broker.client.guards.claude_agent import trust_hooks

rule = Rule("payment.transfer", number=lambda session: session["phone"], amount=lambda call: (call["eur"], "EUR"))
broker, tool = TrustBroker.from_environment(), "mcp__till__pay"


def options(session: dict[str, str], servers: dict[str, Any]) -> ClaudeAgentOptions:
    hooks: Any = trust_hooks(broker, {tool: rule}, context=session, receipt_argument="trust_receipt", show=show)
    return ClaudeAgentOptions(hooks=hooks, mcp_servers=servers, allowed_tools=[tool])
