"""What is true of a scenario's subscriber and operator, by the name that a body has for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.camara.paths import MISSING, Path
from tests.camara.subject import DAY_S, Subject
from tests.support.mock_operator import RunningOperator

IDENTIFIERS = ("phoneNumber", "device")
"""The members of a body that name the subject, unless the token does."""
NAMING = ((), ("subscriptionDetail",), ("config", "subscriptionDetail"))
"""Where in a body they are: at the top, or in what is subscribed to."""
CALLER_ENDING = "000101"
AGE_THRESHOLD = 18
"""Years that whoever is on record by default has passed."""
PURPOSE_PREFIX = "dpv:"


@dataclass(frozen=True)
class Facts:
    """One subscriber of one operator."""

    operator: RunningOperator
    subject: Subject
    sink_url: str

    def value_of(self, path: Path) -> Any:
        """What a member must be to be about this subscriber and this operator, or `MISSING`."""
        if not path:
            return MISSING
        known = self._of_subject(path)
        return self._of_operator(path) if known is MISSING else known

    def _of_subject(self, path: Path) -> Any:
        match path[-1]:
            case "phoneNumber":
                return self.subject.number
            case "calledParticipant":
                return self.subject.number
            case "callingParticipant":
                return self.operator.number(CALLER_ENDING)
            case "hashedPhoneNumber":
                return self.subject.hashed
            case "device":
                return {"phoneNumber": self.subject.number}
            case "ageThreshold":
                return AGE_THRESHOLD
        on_record = self.subject.states["identity"]["person"]
        return on_record.get(path[0], MISSING) if len(path) == 1 else MISSING

    def _of_operator(self, path: Path) -> Any:
        match path[-2:]:
            case (*_, "area"):
                return self.area()
            case ("area", "center"):
                return self.area()["center"]
            case (*_, "geoReference"):
                return self._home() | {"type": "COVERAGE_ZONE"}
            case ("geoReference", "latitude" | "longitude"):
                return self._home()[str(path[-1])]
            case ("geoReference", "postalCode"):
                return next(iter(self.operator.profile.geography.postal_codes), MISSING)
            case ("scopes",):
                return self.scopes()
            case ("purpose",):
                return PURPOSE_PREFIX + min(self.operator.profile.purposes)
        return self._of_sink(path)

    def _of_sink(self, path: Path) -> Any:
        match path[-1]:
            case "sink":
                return self.sink_url
            case "accessTokenExpiresUtc" | "subscriptionExpireTime":
                return self.instant(DAY_S)
            case "sinkCredential":
                return {
                    "credentialType": "ACCESSTOKEN",
                    "accessToken": "token-of-the-sink",
                    "accessTokenType": "bearer",
                    "accessTokenExpiresUtc": self.instant(DAY_S),
                }
        return MISSING

    def _home(self) -> dict[str, Any]:
        home = self.operator.profile.geography.home
        return {"latitude": home.latitude, "longitude": home.longitude}

    def instant(self, ahead_s: float) -> str:
        """When it will be so many seconds later, by the operator's clock."""
        clock = self.operator.control.http.get("/clock").json()
        return (datetime.fromisoformat(clock["network"]) + timedelta(seconds=ahead_s)).isoformat()

    def area(self, *, elsewhere: bool = False, covered: bool = True, radius: float = 5000) -> dict[str, Any]:
        """A circle around the subscriber, or where it is not, or where this operator has no network."""
        geography = self.operator.profile.geography
        place = geography.elsewhere if elsewhere else geography.home
        centre = {"latitude": place.latitude, "longitude": place.longitude}
        if not covered:
            centre = {"latitude": -place.latitude, "longitude": (place.longitude + 360) % 360 - 180}
        return {"areaType": "CIRCLE", "center": centre, "radius": radius}

    def scopes(self) -> list[str]:
        """A scope of each API that this operator gives."""
        found = self.operator.client.http.get("/.well-known/openid-configuration").json()["scopes_supported"]
        usable = sorted(scope for scope in found if ":" in scope and not scope.startswith(PURPOSE_PREFIX))
        return list({scope.partition(":")[0]: scope for scope in usable}.values())

    def personal(self, body: Any, path: Path = ()) -> Any:
        """A sampled body with everything that can be about this subscriber being so."""
        value = self.value_of(path)
        if value is not MISSING:
            return value
        if isinstance(body, dict):
            return {name: self.personal(inner, (*path, name)) for name, inner in body.items()}
        return body
