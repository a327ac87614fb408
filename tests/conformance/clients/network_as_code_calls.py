"""The unmodified package ``network-as-code`` against the facade. It runs in an environment of its own.

What its user changes: ``base_url``, and the key. Prints one JSON object: each call, and what came back.
"""

import datetime as dt
import json
import sys
from typing import Any

from network_as_code import NetworkAsCodeApi
from network_as_code.core.api_error import ApiError

STEADY, SWAPPED, FORWARDED, NOBODY = "+34600000101", "+34600000102", "+34600000112", "+34600000999"
MADRID = {"areaType": "CIRCLE", "center": {"latitude": 40.4168, "longitude": -3.7038}, "radius": 5000}
DAY = dt.date(2025, 1, 1)


def main(url: str, key: str) -> None:
    client = NetworkAsCodeApi(base_url=f"{url}/camara", api_key=key)
    calls: dict[str, Any] = {
        "sim_swap.check, swapped": lambda: client.sim_swap.check(phone_number=SWAPPED, max_age=24).swapped,
        "sim_swap.check, steady": lambda: client.sim_swap.check(phone_number=STEADY, max_age=240).swapped,
        "sim_swap.retrieve_date": lambda: bool(client.sim_swap.retrieve_date(phone_number=SWAPPED).latest_sim_change),
        "sim_swap.check, nobody": lambda: client.sim_swap.check(phone_number=NOBODY, max_age=24).swapped,
        "device_swap.check": lambda: client.device_swap.check(phone_number="+34600000113", max_age=72).swapped,
        "call_forwarding_signal": lambda: (
            client.call_forwarding_signal.retrieve_unconditional_call_forwarding(phone_number=FORWARDED).active
        ),
        "location.verify_v1": lambda: (
            client.location.verify_v1(device={"phoneNumber": STEADY}, area=MADRID, max_age=86400).verification_result
        ),
        "kyc.match": lambda: client.kyc.match(phone_number=STEADY, given_name="Alma").given_name_match,
        "kyc.check_tenure": lambda: client.kyc.check_tenure(phone_number=STEADY, tenure_date=DAY).tenure_date_check,
        "number_recycling.check": lambda: (
            client.number_recycling.check(phone_number="+34600000119", specified_date=DAY).phone_number_recycled
        ),
    }
    answers = {}
    for name, call in calls.items():
        try:
            answers[name] = call()
        except ApiError as error:
            answers[name] = f"{error.status_code} {_code(error.body)}"
    json.dump(answers, sys.stdout, default=str)


def _code(body: Any) -> Any:
    return body.get("code") if isinstance(body, dict) else getattr(body, "code", None)


if __name__ == "__main__":
    main(*sys.argv[1:])
