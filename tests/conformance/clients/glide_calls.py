"""The unmodified package ``glide-sdk`` against the facade. It runs in an environment of its own.

What its user changes: ``auth_base_url``, ``api_base_url``, and the key as client secret. Prints one JSON object.
"""

import asyncio
import json
import sys

from glide_sdk import GlideClient
from glide_sdk.src.glide_sdk.services.sim_swap import SimSwapCheckParams

STEADY, SWAPPED = "+34600000101", "+34600000102"


async def main(url: str, key: str) -> None:
    base = f"{url}/camara"
    glide = GlideClient(client_id="shop", client_secret=key, use_env=False, auth_base_url=base, api_base_url=base)
    swapped = await glide.sim_swap.for_user(phone_number=SWAPPED)
    steady = await glide.sim_swap.for_user(phone_number=STEADY)
    within_a_day = SimSwapCheckParams(phoneNumber=SWAPPED, maxAge=24)
    answers = {
        "sim_swap.check, swapped": (await swapped.check(within_a_day)).swapped,
        "sim_swap.check, steady": (await steady.check()).swapped,
        "sim_swap.retrieve_date": bool((await swapped.retrieve_date()).latestSimChange),
    }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
