"""``trust-broker operators``: who can be asked, at a running broker."""

from collections.abc import Iterator, Mapping
from typing import Any

from broker.surfaces.cli.remote import AsJson, Key, Url, call, tell


def operators(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List the operators, what each can tell, at which price, and whether it is well."""
    found = call(url, key, "GET", "/v1/operators")
    tell(found, _lines(found), as_json=as_json)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["operators"]:
        yield f"signals  {' '.join(found['signals']) or 'none'}  (by whom: with a key that has trust:explain)"
    for operator in found["operators"]:
        yield operator["operator"] + ("  (sandbox)" if operator["sandbox"] else "")
        for one in operator["capabilities"]:
            yield f"  {one['signal']}  {one['api']} {one['version']}  {one['health']}  {_price(one)}"
        for one in operator["instruments"]:
            yield f"  {one['instrument']}  {one['api']} {one['version']}  {_price(one)}"


def _price(one: Mapping[str, Any]) -> str:
    price = one.get("price")
    return f"{price['value']} {price['currency']}" if price else "no price"
