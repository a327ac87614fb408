"""What CAMARA has published or drafted and the kit does not speak, with the reason. A test finds every gap."""

from collections.abc import Mapping
from types import MappingProxyType

EVERY = "*"
"""Every version of an API."""

UNSPOKEN: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("brand-registration", EVERY): "manages an enterprise's own registrations; nothing about a subscriber",
        ("connected-network-type-subscriptions", EVERY): "subscriptions, for the room that receives events",
        ("device-reachability-status-subscriptions", EVERY): "subscriptions, for the room that receives events",
        ("device-roaming-status-subscriptions", EVERY): "subscriptions, for the room that receives events",
        ("geofencing-subscriptions", EVERY): "subscriptions, for the room that receives events",
        ("iot-sim-fraud-prevention-subscriptions", EVERY): "subscriptions, for the room that receives events",
        ("sim-swap-subscriptions", EVERY): "subscriptions, for the room that receives events",
        ("device-authenticity", EVERY): "work in progress that was never released, about a device and not a number",
        ("device-visit-location", EVERY): "work in progress that was never released, and tells where a person has been",
        ("sms", EVERY): "an alpha of 2024 that went no further; nothing about a subscriber",
        ("consent-management", "0.1.0"): "known from its release page; changes consents, which is for the person",
        ("location-verification", "3.1.0-rc.2"): "a candidate known from its release page; 3.0.0 serves until then",
        ("location-retrieval", "1.0.0-rc.1"): "a candidate known from its release page; 0.5.0 serves until then",
        ("number-recycling", "0.3.0-rc.2"): "a candidate known from its release page; rc.1 is at hand and spoken",
        ("device-identifier", "0.4.0-rc.2"): "a candidate known from its release page; the alpha is at hand and spoken",
        ("kyc-fill-in", "0.5.0-rc.1"): "a candidate known from its release page; 0.4.1 serves until then",
        ("sim-swap-subscriptions", "0.4.0"): "subscriptions, for the room that receives events",
    }
)
