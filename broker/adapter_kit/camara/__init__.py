"""CAMARA's network APIs, one module each: a question becomes a request, the answer a value of the domain.

Most give signals. Five serve as instruments (:mod:`broker.adapter_kit.instruments`).

Sources are the released OpenAPI files of the CAMARA project; each module names the releases that it speaks.
"""

from collections.abc import Mapping
from types import MappingProxyType

from broker.adapter_kit.camara import (
    call_forwarding,
    connected_network_type,
    consent_info,
    customer_insights,
    device_identifier,
    device_swap,
    iot_sim_fraud_prevention,
    kyc_age_verification,
    kyc_fill_in,
    kyc_match,
    kyc_tenure,
    location_retrieval,
    location_verification,
    most_frequent_location,
    number_recycling,
    number_verification,
    old_device_status,
    one_time_password_sms,
    reachability,
    roaming,
    sim_swap,
    subscription_status,
    verified_caller,
)
from broker.adapter_kit.camara.line import ApiVersion, InstrumentVersion
from broker.domain.signal import SignalName

SPOKEN: tuple[ApiVersion, ...] = tuple(
    version
    for module in (
        sim_swap,
        device_swap,
        number_verification,
        location_verification,
        call_forwarding,
        number_recycling,
        kyc_tenure,
        kyc_match,
        roaming,
        reachability,
        old_device_status,
        subscription_status,
        kyc_age_verification,
        connected_network_type,
        device_identifier,
        most_frequent_location,
        customer_insights,
        iot_sim_fraud_prevention,
    )
    for version in module.VERSIONS
)
"""Every signal of every API and version that the kit speaks."""

APIS: Mapping[tuple[str, str], ApiVersion] = MappingProxyType(
    {(version.api, version.version): version for version in reversed(SPOKEN)}
)
"""The same by API and version; the first signal, where one API gives several (:func:`signals_of`)."""

SIGNALS: Mapping[str, SignalName] = MappingProxyType({version.api: version.signal for version in reversed(SPOKEN)})
"""Which signal an API gives; the first, where it gives several."""


def signals_of(api: str, version: str) -> Mapping[SignalName, ApiVersion]:
    """What an API gives at a version: two signals for device-status 0.5.1, nothing where the kit does not speak it."""
    return {one.signal: one for one in SPOKEN if (one.api, one.version) == (api, version)}


INSTRUMENTS: Mapping[tuple[str, str], InstrumentVersion] = MappingProxyType(
    {
        (version.api, version.version): version
        for module in (one_time_password_sms, consent_info, location_retrieval, kyc_fill_in, verified_caller)
        for version in module.VERSIONS
    }
)
"""Every API and version that serves as an instrument."""


__all__ = ["APIS", "INSTRUMENTS", "SIGNALS", "SPOKEN", "signals_of"]
