"""What the pages say."""

from collections.abc import Mapping

import msgspec

from broker.usecases.step_up.challenge_views import Ending


class Texts(msgspec.Struct, frozen=True):
    """The words of the ceremony page in one language. ``{…}`` are filled in by the page, escaped."""

    title: str
    asks: str
    asks_amount: str
    compare: str
    before: str
    before_prompt: str
    prompted_title: str
    prompted: str
    not_you_prompted: str
    go: str
    not_you: str
    closed_title: str
    closed: str
    endings: Mapping[Ending, tuple[str, str]]


ENGLISH = Texts(
    title="Is this you?",
    asks="{who} wants to do this for you: {action}.",
    asks_amount="{who} wants to do this for you: {action}, {amount}.",
    compare="Compare this code with the one that you were shown. If it differs, close this page.",
    before="Open this page on the phone itself, with mobile data on and Wi-Fi off. Your operator then confirms that the"
    " SIM of your number is in this phone. Nobody learns your number from this page.",
    before_prompt="When you go on, your operator asks you on the phone of your number. It does not say what for:"
    " approve it there only if you want what you read here.",
    prompted_title="Look at your phone",
    prompted="Your operator asks you there now. Approve it if you want what you have just read; refuse it if you do"
    " not. You can close this page.",
    not_you_prompted="Does your phone ask you without your having opened such a page? Refuse it.",
    go="Yes, it is me",
    not_you="If you did not ask for this, close this page. Nothing happens then.",
    closed_title="This link is over",
    closed="It was used, or it is more than two minutes old. Go back and ask for a new one.",
    endings={
        Ending.MET: ("Done", "Your operator confirmed it. You can go back to where you came from."),
        Ending.OVER: ("This link is over", "It was used, or it is more than two minutes old. Ask for a new one."),
        Ending.OTHER_SIM: (
            "Another SIM",
            "The SIM in this phone belongs to another number.",
        ),
        Ending.NOT_ON_MOBILE_NETWORK: (
            "Not over mobile data",
            "Your operator did not see this phone on its network. Switch Wi-Fi and VPN off and ask for a new link.",
        ),
        Ending.NOT_PERMITTED: ("Not permitted", "Your operator may not confirm this. Choose another way."),
        Ending.OTHER_BROWSER: (
            "Another browser",
            "This ends in the browser in which it began. Ask for a new link.",
        ),
        Ending.FAILED: ("It did not work", "Nothing was confirmed. Go back and choose another way, or try again."),
    },
)
SPANISH = Texts(
    title="¿Eres tú?",
    asks="{who} quiere hacer esto por ti: {action}.",
    asks_amount="{who} quiere hacer esto por ti: {action}, {amount}.",
    compare="Compara este código con el que te han mostrado. Si no coincide, cierra esta página.",
    before="Abre esta página en el propio teléfono, con los datos móviles activados y sin wifi. Tu operador confirma"
    " entonces que la SIM de tu número está en este teléfono. Nadie conoce tu número por esta página.",
    before_prompt="Si continúas, tu operador te preguntará en el teléfono de tu número. No te dirá para qué es:"
    " acéptalo allí solo si quieres lo que has leído aquí.",
    prompted_title="Mira tu teléfono",
    prompted="Tu operador te pregunta allí ahora. Acéptalo si quieres lo que acabas de leer; recházalo si no. Puedes"
    " cerrar esta página.",
    not_you_prompted="¿Te pregunta el teléfono sin que hayas abierto una página así? Recházalo.",
    go="Sí, soy yo",
    not_you="Si no lo has pedido, cierra esta página. No pasará nada.",
    closed_title="Este enlace ya no sirve",
    closed="Se ha usado o tiene más de dos minutos. Vuelve atrás y pide otro.",
    endings={
        Ending.MET: ("Listo", "Tu operador lo ha confirmado. Puedes volver a donde estabas."),
        Ending.OVER: ("Este enlace ya no sirve", "Se ha usado o tiene más de dos minutos. Pide otro."),
        Ending.OTHER_SIM: ("Otra SIM", "La SIM de este teléfono es de otro número. Usa el teléfono de ese número."),
        Ending.NOT_ON_MOBILE_NETWORK: (
            "Sin datos móviles",
            "Tu operador no ha visto este teléfono en su red. Desactiva wifi y VPN y pide otro enlace.",
        ),
        Ending.NOT_PERMITTED: ("No permitido", "Tu operador no puede confirmarlo. Elige otra forma."),
        Ending.OTHER_BROWSER: ("Otro navegador", "Debe terminar en el navegador en que empezó. Pide otro enlace."),
        Ending.FAILED: ("No ha funcionado", "No se ha confirmado nada. Vuelve atrás y elige otra forma o repite."),
    },
)
