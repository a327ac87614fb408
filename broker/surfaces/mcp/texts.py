"""What agents read about the tools: constants, for a text that anybody could change would be a way to give them orders.

``openapi/mcp-tools.json`` is the published form; a change of wording shows there, and takes another :data:`VERSION`.
"""

VERSION = "6"
"""Counts up with every change that an agent could notice."""

INSTRUCTIONS = "Call check_trust before any sensitive action for a phone number, and act only on decision=allow."

CHECK_TRUST = """Ask before acting for a person behind a phone number: moving money, resetting a credential, ordering
a SIM. The mobile network is asked whether the number is still in the right hands. Follow `decision`:
`allow` - act now, and pass `receipt` on to whoever executes the action;
`step_up` - do not act; offer one of `nextSteps` to the person, then ask again;
`review` - do not act; a human has to look at it;
`deny` - do not act.
An error means that nothing was decided: do not act."""

OPEN_LINK = """To go on, open this on the phone itself, with mobile data on and Wi-Fi off, and confirm. The page shows
the code {code}: if it shows another one, close it."""

START_CHALLENGE = """Have the person prove more, where `nextSteps` of a check names a challenge. `id` is that of the
check, `method` one of those offered, `phoneNumber` the number of the check once more. For `network_auth` show the
person `link` or its QR code, to be opened on the phone over mobile data, and say `compareCode`, which they see on the
page. For `operator_prompt` show `link` and say `compareCode`, which they type there before their operator asks them.
Then call await_check; do not act before it says allow."""

REQUEST_REVIEW = """Ask for a human to look at a check, where `nextSteps` of its answer names a review. `id` is that of
the check; `justification` is why it should go ahead, in your own words. Do not act while it is `pending`. Asking again
is harmless and gives the same review."""

AWAIT_CHECK = """Wait for a check whose `status` is `pending`, for a person or a human reviewer has to move it on. `id`
is that of the check; the answer comes when it has changed, or as it is after `waitMs` (at most 20000, as when it is
left out). Still `pending`: do not act, and call again. Otherwise follow `decision`, as with check_trust."""

REPORT_OUTCOME = """Say later what a check turned out to be: `fraud`, `genuine`, or `unknown` after all. `id` is that of
the check. It teaches the broker, and changes nothing about the decision."""

EXPLAIN_DECISION = """Why a check was decided as it was: score, signals, gates, and the same in sentences for a person.
For whoever looks into a decision, not for whoever talks to the subject. `id` is that of the check."""

REASON_CODES = "What each reason code in an answer means, in English and Spanish."
POLICIES = "The policies in force, and which kinds of action each of them governs."
POLICY = "One version of a policy, as it was written."
