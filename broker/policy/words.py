"""The same in words for a person: fixed sentences for every code, in English and Spanish. No model writes here."""

from collections.abc import Mapping
from enum import StrEnum

from broker.domain.decision import Counterfactual, Outcome, Reason
from broker.domain.signal import SignalName
from broker.policy.reasons import ReasonCode, SafeCode


class Language(StrEnum):
    """The languages there are, by their ISO 639-1 code."""

    EN = "en"
    ES = "es"


_EN, _ES = Language
Phrases = Mapping[Language, str]


def _phrases(english: str, spanish: str) -> Phrases:
    return {_EN: english, _ES: spanish}


DECISIONS: Mapping[Outcome, Phrases] = {
    Outcome.ALLOW: _phrases("The action may go ahead.", "La acción puede llevarse a cabo."),
    Outcome.STEP_UP: _phrases(
        "The person has to prove more before the action goes ahead.",
        "La persona debe acreditar algo más antes de seguir adelante.",
    ),
    Outcome.REVIEW: _phrases("Somebody has to look at this first.", "Alguien debe revisar esto antes."),
    Outcome.DENY: _phrases("The action must not go ahead.", "La acción no debe llevarse a cabo."),
}

REASONS: Mapping[ReasonCode | SafeCode, Phrases] = {
    ReasonCode.SIM_CHANGED_24H: _phrases(
        "The SIM was changed within the last 24 hours.", "La SIM se cambió en las últimas 24 horas."
    ),
    ReasonCode.SIM_CHANGED_7D: _phrases(
        "The SIM was changed within the last 7 days.", "La SIM se cambió en los últimos 7 días."
    ),
    ReasonCode.SIM_CHANGED_30D: _phrases("The SIM was changed not long ago.", "La SIM se cambió hace poco."),
    ReasonCode.DEVICE_CHANGED: _phrases(
        "The line moved to another handset not long ago.", "La línea pasó hace poco a otro terminal."
    ),
    ReasonCode.DEVICE_CHANGED_WITH_SIM: _phrases(
        "Handset and SIM were both changed, as in a takeover of the line.",
        "Cambiaron tanto el terminal como la SIM, como ocurre cuando alguien se apropia de una línea.",
    ),
    ReasonCode.PORTED_IN: _phrases(
        "The number moved to its operator not long ago; the holder stayed the same.",
        "El número se portó hace poco a su operador actual; el titular sigue siendo el mismo.",
    ),
    ReasonCode.NEW_SUBSCRIPTION: _phrases(
        "The holder has had this line for a short time only.", "El titular tiene esta línea desde hace poco."
    ),
    ReasonCode.NUMBER_RECYCLED: _phrases(
        "The number has gone to somebody else since it was linked to the person.",
        "El número pasó a otra persona después de vincularse con esta.",
    ),
    ReasonCode.LINE_FORWARDED: _phrases(
        "All calls to the line are forwarded elsewhere.", "Todas las llamadas a la línea se desvían a otro número."
    ),
    ReasonCode.LONG_STANDING_LINE: _phrases(
        "The SIM has not changed for a long time.", "La SIM no ha cambiado en mucho tiempo."
    ),
    ReasonCode.POSSESSION_MISMATCH: _phrases(
        "The device in use does not hold this number's SIM.",
        "El dispositivo que se está usando no lleva la SIM de este número.",
    ),
    ReasonCode.POSSESSION_CONFIRMED: _phrases(
        "The device in use holds this number's SIM.", "El dispositivo que se está usando lleva la SIM de este número."
    ),
    ReasonCode.LOCATION_MISMATCH: _phrases(
        "The phone is not where the person says they are.", "El teléfono no está donde la persona dice estar."
    ),
    ReasonCode.LOCATION_CONFIRMED: _phrases(
        "The phone is where the person says they are.", "El teléfono está donde la persona dice estar."
    ),
    ReasonCode.IDENTITY_MISMATCH: _phrases(
        "What the person says about themself differs from the operator's records.",
        "Lo que la persona dice de sí misma no coincide con los datos del operador.",
    ),
    ReasonCode.UNKNOWN_NUMBER: _phrases(
        "The operator that should serve this number does not know it.",
        "El operador que debería dar servicio a este número no lo conoce.",
    ),
    ReasonCode.EVIDENCE_MISSING: _phrases(
        "Something that has to be known for this action is not known.",
        "Falta un dato imprescindible para esta acción.",
    ),
    ReasonCode.EVIDENCE_CONFLICT: _phrases("The evidence contradicts itself.", "Los indicios se contradicen."),
    ReasonCode.NOT_CONSENTED: _phrases(
        "Something could not be asked, for there is no permission to ask it.",
        "No se pudo consultar un dato porque no hay permiso para ello.",
    ),
    ReasonCode.OPERATOR_UNAVAILABLE: _phrases(
        "The operator gave no usable answer.", "El operador no dio una respuesta válida."
    ),
    ReasonCode.ACTION_SENSITIVE: _phrases(
        "The action is too sensitive to rest on network data alone.",
        "La acción es demasiado delicada para basarse solo en datos de la red.",
    ),
    ReasonCode.POLICY_FLOOR: _phrases(
        "The policy asks for at least this much in such a case.", "La política exige como mínimo esto en un caso así."
    ),
    ReasonCode.STOPPED: _phrases(
        "Somebody has stopped this agent, this kind of action, or everything, until it is looked into.",
        "Alguien ha detenido este agente, este tipo de acción o todo, hasta que se revise.",
    ),
    ReasonCode.ADVERSE_STANDS: _phrases(
        "This very action was refused or left to a human a short while ago.",
        "Esta misma acción se rechazó o se dejó a una persona hace poco.",
    ),
    ReasonCode.JOURNEY_ADVERSE: _phrases(
        "Something was refused a short while ago in the same conversation.",
        "Hace poco se rechazó algo en la misma conversación.",
    ),
    ReasonCode.CLASS_RAISED: _phrases(
        "Something more sensitive was asked about this number a short while ago.",
        "Hace poco se consultó algo más delicado sobre este número.",
    ),
    ReasonCode.AMOUNT_ACCUMULATED: _phrases(
        "With what was allowed lately the amount is no longer small.",
        "Sumado a lo permitido hace poco, el importe ya no es pequeño.",
    ),
    ReasonCode.AGENT_UNUSUAL: _phrases(
        "The agent asks about more people, or nearer numbers, than is usual.",
        "El agente consulta más personas, o números más próximos, de lo habitual.",
    ),
    ReasonCode.CHALLENGE_MET: _phrases("The person proved what was asked.", "La persona acreditó lo que se le pidió."),
    ReasonCode.CHALLENGE_FAILED: _phrases(
        "The person could not prove what was asked.", "La persona no pudo acreditar lo que se le pidió."
    ),
    ReasonCode.REVIEW_APPROVED: _phrases("Somebody looked at this and approved it.", "Alguien lo revisó y lo aprobó."),
    ReasonCode.REVIEW_DENIED: _phrases(
        "Somebody looked at this and refused it, or nobody did in time.",
        "Alguien lo revisó y lo rechazó, o nadie lo hizo a tiempo.",
    ),
    ReasonCode.METHOD_UNSUPPORTED: _phrases(
        "The operator of this number, or this broker, cannot prove it that way.",
        "El operador de este número, o este servicio, no puede acreditarlo de esa forma.",
    ),
    SafeCode.REVIEWED: _phrases("A review did not approve this.", "Una revisión no lo aprobó."),
    SafeCode.LINE_RISK: _phrases("Something about the line calls for care.", "Algo en la línea exige cautela."),
    SafeCode.POSSESSION_RISK: _phrases(
        "It is not certain that the person holds the phone.", "No es seguro que la persona tenga el teléfono."
    ),
    SafeCode.PLACE_RISK: _phrases("The place calls for care.", "El lugar exige cautela."),
    SafeCode.IDENTITY_RISK: _phrases("The person's details call for care.", "Los datos de la persona exigen cautela."),
}

CLEAN: Mapping[SignalName, Phrases] = {
    SignalName.SIM_SWAP: _phrases("the SIM had not changed recently", "la SIM no hubiera cambiado hace poco"),
    SignalName.DEVICE_SWAP: _phrases(
        "the handset had not changed recently", "el terminal no hubiera cambiado hace poco"
    ),
    SignalName.NUMBER_VERIFICATION: _phrases(
        "the device in use held this number's SIM", "el dispositivo en uso llevara la SIM de este número"
    ),
    SignalName.LOCATION: _phrases(
        "the phone were where the person says they are", "el teléfono estuviera donde la persona dice estar"
    ),
    SignalName.CALL_FORWARDING: _phrases("calls were not forwarded", "las llamadas no estuvieran desviadas"),
    SignalName.NUMBER_RECYCLING: _phrases(
        "the number had stayed with the same person", "el número siguiera siendo de la misma persona"
    ),
    SignalName.KYC_TENURE: _phrases(
        "the holder had had the line for years", "el titular tuviera la línea desde hace años"
    ),
    SignalName.KYC_MATCH: _phrases(
        "the person's details agreed with the operator's records",
        "los datos de la persona coincidieran con los del operador",
    ),
}
"""What a clean answer would mean, to be put after "if"."""

_INSTEAD = _phrases("If {conditions}: {decision}", "Si {conditions}: {decision}")
_AND = _phrases(" and ", " y ")


def sentences(
    outcome: Outcome, reasons: tuple[Reason, ...], instead: Counterfactual | None, language: Language
) -> tuple[str, ...]:
    """The decision, its reasons in their order, and what would have changed it.

    Raises:
        ValueError: a reason that is not in the catalogue.
    """
    said = [DECISIONS[outcome][language], *(REASONS[_code(reason.code)][language] for reason in reasons)]
    if instead is not None:
        conditions = _AND[language].join(CLEAN[name][language] for name in instead.signals)
        decision = DECISIONS[instead.outcome][language]
        said.append(_INSTEAD[language].format(conditions=conditions, decision=decision[0].lower() + decision[1:]))
    return tuple(said)


def language_of(header: str | None) -> Language:
    """The best of our languages for an ``Accept-Language`` (RFC 9110, 12.5.4); English where none will do."""
    wanted = sorted((_ranges(header or "")), key=lambda one: -one[1])
    ours = {language.value: language for language in Language}
    return next((ours[tag] for tag, quality in wanted if quality > 0 and tag in ours), _EN)


def _ranges(header: str) -> list[tuple[str, float]]:
    """Primary subtag and quality of each range; what cannot be read is passed over."""
    found = []
    for part in header[:_HEADER_LENGTH_MAX].split(","):
        tag, _, parameter = part.strip().partition(";")
        name, _, value = parameter.strip().partition("=")
        found.append((tag.strip().lower().partition("-")[0], _quality(value) if name.strip() == "q" else 1.0))
    return found


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


_HEADER_LENGTH_MAX = 256


def _code(text: str) -> ReasonCode | SafeCode:
    return ReasonCode(text) if text in set(ReasonCode) else SafeCode(text)
