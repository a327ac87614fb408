"""Words about SIMs that are tied to a device or an area."""

from tests.camara.stage import Stage
from tests.camara.vocabulary import word


def _tied(stage: Stage) -> None:
    stage.subject.be("ties", device=True)


def _fenced(stage: Stage) -> None:
    stage.subject.be("ties", area=True)


def _loose(stage: Stage) -> None:
    stage.subject.be("ties", device=False)


WORDS = (
    word(r"the device has (?:an )?existing IMEI binding", _tied),
    word(r"the device does not have (?:an )?existing IMEI binding", _loose),
    word(r"the device has (?:an )?(?:existing|active) area restriction", _fenced),
)
