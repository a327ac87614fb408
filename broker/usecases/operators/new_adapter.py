"""What a new adapter starts from: a package that installs by itself, passes the suite, and says what to change."""

from collections.abc import Mapping

_PYPROJECT = """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "trust-broker-{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["trust-broker"]

# The broker finds the adapter through this entry point and through nothing else.
[project.entry-points."broker.adapters"]
{name} = "trust_broker_{name}"

[tool.hatch.build.targets.wheel]
packages = ["trust_broker_{name}"]
"""
_INIT = '"""The adapter for {name}."""\n'
_MANIFEST = """# What {name} offers and where it departs from CAMARA. Every key that is left out means "as CAMARA says".
# A wrong key or value is refused with its name and the fix.
name = "{name}"
title = "{name}"

[oauth]
token_path = "/oauth2/token"
client_auth = "private_key_jwt"

# One table for each network API: its name, the release, and the grant agreed at onboarding.
[[capabilities]]
api = "sim-swap"
version = "2.1.0"
flow = "client_credentials"
"""
_OPERATOR = """# Copy to config/operators/{name}.toml of the broker; the file's name is the operator's id.
adapter = "{name}"
base_url = "https://operator.example"
client_id = "given-at-onboarding"
# trust-broker adapter key {name} var/keys/{name}-client.pem makes it, and prints what the operator needs of it.
client_key = {{ file = "var/keys/{name}-client.pem" }}
"""
_README = """# Adapter for {name}

1. Say in `trust_broker_{name}/manifest.toml` what is offered.
2. `pip install -e .` beside the broker.
3. `trust-broker adapter verify {name}` until it passes; no operator is called.
4. Copy `operator.toml` to the broker's `config/operators/{name}.toml` and fill it in.
5. `trust-broker adapter key {name} var/keys/{name}-client.pem` makes the broker's key, if there is none, and prints its
   public half: hand that in at onboarding.
6. `trust-broker adapter verify {name} --live --phone +…` with a number that you may ask about, beside `config/`.

Say here where your facts are from, and what is not known.
"""


def files(name: str) -> Mapping[str, str]:
    """Path inside the new folder to content."""
    templates = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README,
        "operator.toml": _OPERATOR,
        f"trust_broker_{name}/__init__.py": _INIT,
        f"trust_broker_{name}/manifest.toml": _MANIFEST,
    }
    return {path: template.format(name=name) for path, template in templates.items()}
