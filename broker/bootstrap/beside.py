"""What goes on beside checks."""

import msgspec

from broker.bootstrap.consuming import Consuming
from broker.bootstrap.privacy import Privacy
from broker.usecases.await_check import Stirrings
from broker.usecases.events.manage_webhooks import ManageWebhooks
from broker.usecases.late_answers import LateAnswers
from broker.usecases.permitted import PermittedNetwork
from broker.usecases.reviews.review_checks import ReviewChecks
from broker.usecases.step_up.challenge_desk import ChallengeDesk


class Beside(msgspec.Struct, frozen=True):
    """What goes on beside checks."""

    reviews: ReviewChecks
    webhooks: ManageWebhooks
    private: Privacy
    network: PermittedNetwork
    stirrings: Stirrings
    desk: ChallengeDesk
    consuming: Consuming
    late_answers: LateAnswers
