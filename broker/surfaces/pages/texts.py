"""What the pages say."""

from collections.abc import Mapping

import msgspec

from broker.usecases.step_up.challenge_views import Ending


class Texts(msgspec.Struct, frozen=True):
    """The words of the ceremony page in one language. ``{…}`` are filled in by the page, escaped."""

    title: str
    asks: str
    compare: str
    before: str
    before_prompt: str
    prompted_title: str
    prompted: str
    not_you_prompted: str
    go: str
    not_you: str
    type_code: str
    mistyped: str
    decimal: str
    actions: Mapping[str, str]
    """Kinds of action in words; others are shown as they are named."""
    closed_title: str
    closed: str
    endings: Mapping[Ending, tuple[str, str]]


ENGLISH = Texts(
    title="Is this you?",
    asks="{who} wants to do this for you:",
    compare="You were told this code with the link. If it differs, close this page.",
    before="Open this page on the phone itself, with mobile data on and Wi-Fi off. Your operator then confirms that the"
    " SIM of your number is in this phone; nobody learns your number from this page. The link works once, for about two"
    " minutes.",
    before_prompt="When you go on, your operator asks you on the phone of your number. It does not say what for:"
    " approve it there only if you want what you read here.",
    prompted_title="Look at your phone",
    prompted="Your operator asks you there now. Approve it if you want what you have just read; refuse it if you do"
    " not. You can close this page.",
    not_you_prompted="Does your phone ask you without your having opened such a page? Refuse it.",
    go="Yes, it is me",
    not_you="If you did not ask for this, close this page. Nothing happens then.",
    type_code="Type the code that you were told with the link",
    mistyped="This is another code. Look at it again, or close this page if you were told none.",
    decimal=".",
    actions={
        "payment.transfer": "Make a payment",
        "payee.add": "Add somebody to pay",
        "payout.create": "Pay money out",
        "credential.reset": "Reset what you sign in with",
        "account.recover": "Get back into your account",
        "contact.replace": "Change where you are reached",
        "profile.change": "Change your profile",
        "sign_in.hint": "Sign in",
        "sim.order": "Order a SIM",
        "number.change": "Change your number",
        "limit.raise": "Raise a limit",
        "agent.delegate": "Let an agent act for you",
        "agent.limit.raise": "Let an agent do more",
        "agent.revoke": "Take an agent's power back",
        "tool.call": "Use a tool",
        "subject.access": "See what is held about you",
        "subject.correction": "Correct what is held about you",
        "subject.dispute": "Dispute a decision about you",
        "subject.erasure": "Erase what is held about you",
        "subject.objection": "Object to what is done with your data",
    },
    closed_title="This link is over",
    closed="It was used, or it is more than two minutes old. Go back and ask for a new one.",
    endings={
        Ending.MET: ("Done", "Your operator confirmed it. You can go back to where you came from."),
        Ending.OVER: ("This link is over", "It was used, or it is more than two minutes old. Ask for a new one."),
        Ending.OTHER_SIM: (
            "Another SIM",
            "The SIM in this phone belongs to another number. Use the phone of your number, or choose another way.",
        ),
        Ending.NOT_ON_MOBILE_NETWORK: (
            "Not over mobile data",
            "Your operator did not see this phone on its network. Switch Wi-Fi and VPN off and ask for a new link.",
        ),
        Ending.NOT_PERMITTED: ("Not permitted", "Your operator may not confirm this. Choose another way."),
        Ending.OTHER_BROWSER: (
            "Another browser",
            "This ends in the browser in which it began, with cookies on. Ask for a new link.",
        ),
        Ending.FAILED: ("It did not work", "Nothing was confirmed. Go back and choose another way, or try again."),
    },
)
SPANISH = Texts(
    title="¿Eres tú?",
    asks="{who} quiere hacer esto por ti:",
    compare="Te han dado este código con el enlace. Si no coincide, cierra esta página.",
    before="Abre esta página en el propio teléfono, con los datos móviles activados y sin wifi. Tu operador confirma"
    " entonces que la SIM de tu número está en este teléfono; nadie conoce tu número por esta página. El enlace sirve"
    " una vez, durante unos dos minutos.",
    before_prompt="Si continúas, tu operador te preguntará en el teléfono de tu número. No te dirá para qué es:"
    " acéptalo allí solo si quieres lo que has leído aquí.",
    prompted_title="Mira tu teléfono",
    prompted="Tu operador te pregunta allí ahora. Acéptalo si quieres lo que acabas de leer; recházalo si no. Puedes"
    " cerrar esta página.",
    not_you_prompted="¿Te pregunta el teléfono sin que hayas abierto una página así? Recházalo.",
    go="Sí, soy yo",
    not_you="Si no lo has pedido, cierra esta página. No pasará nada.",
    type_code="Escribe el código que te han dado con el enlace",
    mistyped="Es otro código. Míralo otra vez, o cierra esta página si no te han dado ninguno.",
    decimal=",",
    actions={
        "payment.transfer": "Hacer un pago",
        "payee.add": "Añadir un beneficiario",
        "payout.create": "Sacar dinero",
        "credential.reset": "Restablecer tus claves",
        "account.recover": "Recuperar tu cuenta",
        "contact.replace": "Cambiar tus datos de contacto",
        "profile.change": "Cambiar tu perfil",
        "sign_in.hint": "Iniciar sesión",
        "sim.order": "Pedir una SIM",
        "number.change": "Cambiar tu número",
        "limit.raise": "Subir un límite",
        "agent.delegate": "Dejar que un agente actúe por ti",
        "agent.limit.raise": "Dejar que un agente haga más",
        "agent.revoke": "Retirar el permiso a un agente",
        "tool.call": "Usar una herramienta",
        "subject.access": "Ver lo que se guarda sobre ti",
        "subject.correction": "Corregir lo que se guarda sobre ti",
        "subject.dispute": "Reclamar contra una decisión sobre ti",
        "subject.erasure": "Borrar lo que se guarda sobre ti",
        "subject.objection": "Oponerte al uso de tus datos",
    },
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
        Ending.OTHER_BROWSER: (
            "Otro navegador",
            "Debe terminar en el navegador en que empezó, con las cookies activadas. Pide otro enlace.",
        ),
        Ending.FAILED: ("No ha funcionado", "No se ha confirmado nada. Vuelve atrás y elige otra forma o repite."),
    },
)
