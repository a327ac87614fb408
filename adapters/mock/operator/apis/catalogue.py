"""Which operations belong to which API."""

from adapters.mock.operator.apis.age_verification import KYC_AGE_VERIFICATION
from adapters.mock.operator.apis.brand_registration import BRAND_REGISTRATION
from adapters.mock.operator.apis.call_forwarding import CALL_FORWARDING
from adapters.mock.operator.apis.consent_info import CONSENT_INFO
from adapters.mock.operator.apis.customer_insights import CUSTOMER_INSIGHTS
from adapters.mock.operator.apis.device_authenticity import DEVICE_AUTHENTICITY
from adapters.mock.operator.apis.device_identifier import DEVICE_IDENTIFIER
from adapters.mock.operator.apis.device_status import (
    CONNECTED_NETWORK_TYPE,
    DEVICE_REACHABILITY_STATUS,
    DEVICE_ROAMING_STATUS,
)
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.frequent_location import MOST_FREQUENT_LOCATION
from adapters.mock.operator.apis.kyc_fill_in import KYC_FILL_IN
from adapters.mock.operator.apis.kyc_match import KYC_MATCH
from adapters.mock.operator.apis.location_retrieval import LOCATION_RETRIEVAL
from adapters.mock.operator.apis.location_verification import LOCATION_VERIFICATION
from adapters.mock.operator.apis.number_verification import NUMBER_VERIFICATION
from adapters.mock.operator.apis.one_time_password import ONE_TIME_PASSWORD_SMS
from adapters.mock.operator.apis.operation import Operation
from adapters.mock.operator.apis.sim_binding import IOT_SIM_FRAUD_PREVENTION
from adapters.mock.operator.apis.subscription_status import SUBSCRIPTION_STATUS
from adapters.mock.operator.apis.subscriptions import SUBSCRIPTIONS
from adapters.mock.operator.apis.swaps import DEVICE_SWAP, SIM_SWAP
from adapters.mock.operator.apis.tenure import KYC_TENURE, NUMBER_RECYCLING
from adapters.mock.operator.apis.verified_caller import VERIFIED_CALLER

CATALOGUE: dict[str, tuple[Operation, ...]] = {
    "sim-swap": SIM_SWAP,
    "number-verification": NUMBER_VERIFICATION,
    "location-verification": LOCATION_VERIFICATION,
    "device-swap": DEVICE_SWAP,
    "call-forwarding-signal": CALL_FORWARDING,
    "number-recycling": NUMBER_RECYCLING,
    "kyc-tenure": KYC_TENURE,
    "kyc-match": KYC_MATCH,
    "kyc-age-verification": KYC_AGE_VERIFICATION,
    "device-roaming-status": DEVICE_ROAMING_STATUS,
    "device-reachability-status": DEVICE_REACHABILITY_STATUS,
    "connected-network-type": CONNECTED_NETWORK_TYPE,
    "subscription-status": SUBSCRIPTION_STATUS,
    "device-identifier": DEVICE_IDENTIFIER,
    "most-frequent-location": MOST_FREQUENT_LOCATION,
    "customer-insights": CUSTOMER_INSIGHTS,
    "one-time-password-sms": ONE_TIME_PASSWORD_SMS,
    "consent-info": CONSENT_INFO,
    "location-retrieval": LOCATION_RETRIEVAL,
    "kyc-fill-in": KYC_FILL_IN,
    "verified-caller": VERIFIED_CALLER,
    "iot-sim-fraud-prevention": IOT_SIM_FRAUD_PREVENTION,
    "device-authenticity": DEVICE_AUTHENTICITY,
    "brand-registration": BRAND_REGISTRATION,
    **SUBSCRIPTIONS,
}


def operations_of(spoken: Dialect) -> tuple[Operation, ...]:
    """The operations of an API that a version of it has."""
    return tuple(one for one in CATALOGUE[spoken.api] if spoken.version not in one.absent_in)


def scopes_of(api: str) -> frozenset[str]:
    """Every scope that an operation of this API accepts."""
    return frozenset().union(*(operation.scopes for operation in CATALOGUE[api]))
