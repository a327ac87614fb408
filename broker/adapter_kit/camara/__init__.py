"""CAMARA's network APIs, one module each: a question becomes a request, the answer a value of the domain.

Sources are the released OpenAPI files of the CAMARA project; each module names the releases that it speaks.
"""

from collections.abc import Mapping
from types import MappingProxyType

from broker.adapter_kit.camara import (
    call_forwarding,
    connected_network_type,
    customer_insights,
    device_identifier,
    device_swap,
    kyc_age_verification,
    kyc_match,
    kyc_tenure,
    location_verification,
    most_frequent_location,
    number_recycling,
    number_verification,
    reachability,
    roaming,
    sim_swap,
    subscription_status,
)
from broker.adapter_kit.camara.line import ApiVersion
from broker.domain.signal import SignalName

APIS: Mapping[tuple[str, str], ApiVersion] = MappingProxyType(
    {
        (version.api, version.version): version
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
            subscription_status,
            kyc_age_verification,
            connected_network_type,
            device_identifier,
            most_frequent_location,
            customer_insights,
        )
        for version in module.VERSIONS
    }
)
"""Every API and version that the kit speaks."""

SIGNALS: Mapping[str, SignalName] = MappingProxyType({api: version.signal for (api, _), version in APIS.items()})
"""Which signal an API gives."""

__all__ = ["APIS", "SIGNALS"]
