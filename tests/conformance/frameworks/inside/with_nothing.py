"""No framework and no guard: what the scenes must notice."""

from types import ModuleType

from scenes import Ended
from till import pay


class Played:
    EXAMPLE = "till"

    def run(self, _example: ModuleType, _phone: str, eur: str) -> Ended:
        def resume(changed: str | None) -> Ended:
            return self.run(_example, _phone, changed or eur)

        return Ended(pay("ES1", eur), {"steps": ["any"], "challenge": {"link": ""}}, resume)

    def run_tampered(self, _example: ModuleType, _phone: str, eur: str) -> None:
        pay("ES1", eur)
