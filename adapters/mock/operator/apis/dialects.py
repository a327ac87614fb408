"""What changes from version to version of an API, as data: URL, identifiers, error codes, header pattern, strictness.

Sources: the OpenAPI definition of each version; for the three newest (marked) the release notes, their files not being
at hand: they add the strict bodies of Commonalities 0.8 and change nothing else that this operator does.
"""

import re
from typing import Literal

import msgspec

Code = tuple[int, str]

CORRELATOR_ANY = re.compile(r"[\x21-\x7e]{1,256}")
"""Commonalities 0.4 has no pattern; what a header can carry at all is still bounded."""
CORRELATOR_NARROW = re.compile(r"[a-zA-Z0-9-]{0,55}")
CORRELATOR_WIDE = re.compile(r"[a-zA-Z0-9\-_:;./<>{}]{0,256}")

Commonalities = Literal["0.4", "0.5", "0.6", "0.8"]

_CORRELATORS = {"0.4": CORRELATOR_ANY, "0.5": CORRELATOR_NARROW, "0.6": CORRELATOR_WIDE, "0.8": CORRELATOR_WIDE}


class Radius(msgspec.Struct, frozen=True):
    """Bounds of a circle in a location request, metres, and whether only whole metres are allowed."""

    minimum_m: int
    maximum_m: int | None
    whole: bool


class Codes(msgspec.Struct, frozen=True, kw_only=True):
    """Status and code for what the versions call differently; the defaults are those since Commonalities 0.5.

    ``no_identifier`` answers a two-legged token without an identifier, ``unknown`` a number of nobody here,
    ``not_applicable`` a line without the service, ``period_too_long`` a ``maxAge`` beyond the schema's maximum. Where
    the SIM must have proved the token, ``not_by_sim`` answers one of a subscriber without that, ``no_sim`` one of
    nobody.
    """

    no_identifier: Code = (422, "MISSING_IDENTIFIER")
    unknown: Code = (404, "IDENTIFIER_NOT_FOUND")
    not_applicable: Code = (422, "SERVICE_NOT_APPLICABLE")
    unsupported_identifier: Code = (422, "UNSUPPORTED_IDENTIFIER")
    period_too_long: Code = (400, "OUT_OF_RANGE")
    not_by_sim: Code = (403, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK")
    no_sim: Code = (403, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK")
    area_too_small: Code = (422, "LOCATION_VERIFICATION.INVALID_AREA")
    area_not_covered: Code = (422, "LOCATION_VERIFICATION.AREA_NOT_COVERED")


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One API at one version.

    ``null_period`` tells whether ``monitoredPeriod`` exists, ``unknown_result`` whether "cannot be located" is an
    answer rather than an error, ``names_device`` whether a two-legged answer names the identifier that it used,
    ``confirms_identifier`` whether a body may repeat the identifier of a three-legged token, ``open_bodies``
    whether unknown members are ignored although the version is of Commonalities 0.8.
    """

    api: str
    version: str
    commonalities: Commonalities
    codes: Codes = Codes()
    null_period: bool = True
    single_member: bool = False
    radius: Radius | None = None
    unknown_result: bool = False
    names_device: bool = False
    confirms_identifier: bool = False
    open_bodies: bool = False

    @property
    def base_path(self) -> str:
        """``/sim-swap/v2``, ``/kyc-match/v0.4``, ``/kyc-match/v0.5rc1``, ``/location-retrieval/vwip``.

        Below 1.0.0 the minor version shows, from then on it does not (API design guide).
        """
        numbers, _, mark = self.version.partition("-")
        if numbers == "wip":
            return f"/{self.api}/vwip"
        major, _, rest = numbers.partition(".")
        shown = f"0.{rest.partition('.')[0]}" if major == "0" else major
        return f"/{self.api}/v{shown}{mark.replace('.', '')}"

    @property
    def correlator(self) -> re.Pattern[str]:
        """What ``x-correlator`` must match in full."""
        return _CORRELATORS[self.commonalities]

    @property
    def token_identifies(self) -> bool:
        """Whether a three-legged token forbids any identifier in the body; before 0.5 an equal one was tolerated."""
        return self.commonalities != "0.4" and not self.confirms_identifier

    @property
    def strict_bodies(self) -> bool:
        """Whether unknown members of a body are refused: since Commonalities 0.8, and where only one member may be."""
        return (self.commonalities == "0.8" and not self.open_bodies) or self.single_member

    @property
    def checks_hash(self) -> bool:
        """Whether a hash must have the form of one: since Commonalities 0.6."""
        return self.commonalities not in {"0.4", "0.5"}


_PHONE_0_4 = Codes(
    no_identifier=(422, "UNIDENTIFIABLE_PHONE_NUMBER"),
    unknown=(404, "NOT_FOUND"),
    not_applicable=(422, "NOT_SUPPORTED"),
    period_too_long=(400, "INVALID_ARGUMENT"),
)
_DEVICE_SWAP_0_1 = msgspec.structs.replace(_PHONE_0_4, period_too_long=(400, "OUT_OF_RANGE"))
_SIM_EVENTS_0_4 = Codes(
    no_identifier=(422, "UNIDENTIFIABLE_PHONE_NUMBER"),
    unknown=(404, "NOT_FOUND"),
    not_applicable=(422, "PHONE_NUMBER_NOT_APPLICABLE"),
)
_DEVICE_0_4 = Codes(
    no_identifier=(422, "UNIDENTIFIABLE_DEVICE"),
    unknown=(404, "DEVICE_NOT_FOUND"),
    not_applicable=(422, "DEVICE_NOT_APPLICABLE"),
    unsupported_identifier=(422, "UNSUPPORTED_DEVICE_IDENTIFIERS"),
    area_too_small=(400, "OUT_OF_RANGE"),
    area_not_covered=(422, "UNPROCESSABLE_ENTITY"),
)
_KYC_0_4 = Codes(
    no_identifier=(404, "NOT_FOUND"),
    unknown=(404, "NOT_FOUND"),
    not_applicable=(404, "NOT_FOUND"),
)
_BY_SMS = Codes(
    unknown=(404, "NOT_FOUND"),
    not_applicable=(403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED"),
)
_BY_CALL = Codes(unknown=(404, "NOT_FOUND"))
# No code of this API says that the service is not for this line.
_IOT = Codes(not_applicable=(403, "PERMISSION_DENIED"))
_BY_SIM = Codes(not_applicable=(403, "PERMISSION_DENIED"))
_BY_SIM_0_4 = Codes(not_applicable=(403, "PERMISSION_DENIED"), no_sim=(403, "INVALID_TOKEN_CONTEXT"))

DIALECTS = (
    Dialect(api="sim-swap", version="1.0.0", commonalities="0.4", null_period=False, codes=_PHONE_0_4),
    Dialect(api="sim-swap", version="2.0.0", commonalities="0.5"),
    Dialect(api="sim-swap", version="2.1.0", commonalities="0.6"),
    Dialect(api="sim-swap", version="2.2.0", commonalities="0.8"),  # release notes only
    Dialect(api="number-verification", version="1.0.0", commonalities="0.4", codes=_BY_SIM_0_4, single_member=True),
    Dialect(api="number-verification", version="2.0.0", commonalities="0.5", codes=_BY_SIM, single_member=True),
    Dialect(api="number-verification", version="2.1.0", commonalities="0.6", codes=_BY_SIM, single_member=True),
    Dialect(
        api="number-verification",
        version="2.1.1",  # release notes only
        commonalities="0.8",
        codes=_BY_SIM,
    ),
    Dialect(
        api="location-verification",
        version="1.0.0",
        commonalities="0.4",
        radius=Radius(2000, 200_000, whole=True),
        unknown_result=True,
        codes=_DEVICE_0_4,
    ),
    Dialect(
        api="location-verification",
        version="2.0.0",
        commonalities="0.5",
        radius=Radius(1, 200_000, whole=True),
        unknown_result=True,
    ),
    Dialect(
        api="location-verification",
        version="3.0.0",
        commonalities="0.6",
        radius=Radius(1, None, whole=False),
        names_device=True,
    ),
    Dialect(
        api="location-verification",
        version="wip",
        commonalities="0.8",
        radius=Radius(1, None, whole=False),
        names_device=True,
    ),
    Dialect(api="device-swap", version="0.1.0", commonalities="0.4", null_period=False, codes=_DEVICE_SWAP_0_1),
    Dialect(api="device-swap", version="0.2.0", commonalities="0.5"),
    Dialect(api="device-swap", version="1.0.0", commonalities="0.6"),
    Dialect(api="device-swap", version="1.1.0", commonalities="0.8"),  # release notes only
    Dialect(api="call-forwarding-signal", version="0.3.0", commonalities="0.5"),
    Dialect(api="call-forwarding-signal", version="0.4.0", commonalities="0.6"),
    Dialect(api="number-recycling", version="0.1.1", commonalities="0.5"),
    Dialect(api="number-recycling", version="0.2.0", commonalities="0.6"),
    Dialect(api="number-recycling", version="0.3.0-rc.1", commonalities="0.8"),
    Dialect(api="kyc-tenure", version="0.1.0", commonalities="0.5"),
    Dialect(api="kyc-tenure", version="0.2.0", commonalities="0.6"),
    Dialect(api="kyc-tenure", version="0.3.0-rc.1", commonalities="0.8"),
    Dialect(api="subscription-status", version="0.1.0", commonalities="0.6", confirms_identifier=True),
    Dialect(api="kyc-match", version="0.2.1", commonalities="0.4", codes=_KYC_0_4),
    Dialect(api="kyc-match", version="0.3.0", commonalities="0.5", confirms_identifier=True),
    Dialect(api="kyc-match", version="0.4.0", commonalities="0.6", confirms_identifier=True),
    Dialect(api="kyc-match", version="0.5.0-rc.1", commonalities="0.8", confirms_identifier=True),
    Dialect(api="kyc-age-verification", version="0.1.0", commonalities="0.5"),
    Dialect(api="kyc-age-verification", version="0.2.1", commonalities="0.6"),
    Dialect(api="kyc-age-verification", version="0.3.0-rc.1", commonalities="0.8"),
    Dialect(api="device-roaming-status", version="0.6.1", commonalities="0.4", codes=_DEVICE_0_4),
    Dialect(api="device-roaming-status", version="1.0.0", commonalities="0.5"),
    Dialect(api="device-roaming-status", version="1.1.0", commonalities="0.6", names_device=True),
    Dialect(api="device-reachability-status", version="0.6.1", commonalities="0.4", codes=_DEVICE_0_4),
    Dialect(api="device-reachability-status", version="1.0.0", commonalities="0.5"),
    Dialect(api="device-reachability-status", version="1.1.0", commonalities="0.6", names_device=True),
    Dialect(api="connected-network-type", version="0.2.0", commonalities="0.6", names_device=True),
    Dialect(api="device-identifier", version="0.2.0", commonalities="0.5"),
    Dialect(api="device-identifier", version="0.3.0", commonalities="0.6", names_device=True),
    Dialect(api="device-identifier", version="0.4.0-alpha.1", commonalities="0.8", names_device=True, open_bodies=True),
    Dialect(api="most-frequent-location", version="0.2.0", commonalities="0.6"),
    Dialect(api="customer-insights", version="0.2.0", commonalities="0.6"),
    Dialect(api="customer-insights", version="0.3.0-rc.1", commonalities="0.8", open_bodies=True),
    Dialect(api="one-time-password-sms", version="1.0.0", commonalities="0.4", codes=_BY_SMS),
    Dialect(api="one-time-password-sms", version="1.1.0", commonalities="0.5", codes=_BY_SMS, confirms_identifier=True),
    Dialect(api="one-time-password-sms", version="1.1.1", commonalities="0.6", codes=_BY_SMS, confirms_identifier=True),
    Dialect(api="one-time-password-sms", version="wip", commonalities="0.8", codes=_BY_SMS, confirms_identifier=True),
    Dialect(api="consent-info", version="0.1.0", commonalities="0.6"),
    Dialect(api="consent-info", version="0.2.0", commonalities="0.6"),
    Dialect(api="location-retrieval", version="0.3.0", commonalities="0.4", codes=_DEVICE_0_4),
    Dialect(api="location-retrieval", version="0.4.0", commonalities="0.5"),
    Dialect(api="location-retrieval", version="0.5.0", commonalities="0.6", names_device=True),
    Dialect(api="location-retrieval", version="wip", commonalities="0.8", names_device=True),
    Dialect(api="kyc-fill-in", version="0.3.0", commonalities="0.5"),
    Dialect(api="kyc-fill-in", version="0.4.1", commonalities="0.6"),
    Dialect(api="verified-caller", version="0.1.0", commonalities="0.6", codes=_BY_CALL),
    Dialect(
        api="verified-caller",
        version="0.2.0-alpha.1",
        commonalities="0.8",
        codes=_BY_CALL,
        open_bodies=True,
    ),
    Dialect(api="device-roaming-status-subscriptions", version="0.7.0", commonalities="0.5"),
    Dialect(api="device-roaming-status-subscriptions", version="0.8.0", commonalities="0.6"),
    Dialect(api="device-reachability-status-subscriptions", version="0.7.0", commonalities="0.5"),
    Dialect(api="device-reachability-status-subscriptions", version="0.8.0", commonalities="0.6"),
    Dialect(api="connected-network-type-subscriptions", version="0.2.0", commonalities="0.6"),
    Dialect(api="sim-swap-subscriptions", version="0.1.2", commonalities="0.4", codes=_SIM_EVENTS_0_4),
    Dialect(api="sim-swap-subscriptions", version="0.2.0", commonalities="0.5"),
    Dialect(api="sim-swap-subscriptions", version="0.3.0", commonalities="0.6"),
    Dialect(api="geofencing-subscriptions", version="0.4.0", commonalities="0.5"),
    Dialect(api="geofencing-subscriptions", version="0.5.0", commonalities="0.6"),
    Dialect(api="geofencing-subscriptions", version="wip", commonalities="0.8"),
    Dialect(api="device-authenticity", version="wip-main-55dec08", commonalities="0.6"),
    Dialect(api="brand-registration", version="0.1.0", commonalities="0.6"),
    Dialect(api="brand-registration", version="0.2.0-alpha.1", commonalities="0.8", open_bodies=True),
    Dialect(api="iot-sim-fraud-prevention", version="0.1.0", commonalities="0.6", codes=_IOT),
)


def dialect(api: str, version: str) -> Dialect:
    """The dialect of an API at a version.

    Raises:
        ValueError: this operator does not speak it.
    """
    for known in DIALECTS:
        if (known.api, known.version) == (api, version):
            return known
    raise ValueError(f"{api} {version} is not implemented")
