"""How a command ends that runs until it is told to stop."""

import os
import signal
from collections.abc import Iterator

import pytest

from broker.surfaces.cli.processes import interrupted, told_to_stop

_ENDS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(params=[signal.SIG_IGN, signal.SIG_DFL], ids=["ignored before", "not ignored"])
def before(request: pytest.FixtureRequest) -> Iterator[signal.Handlers]:
    """What was set when the command began: a script's background command has Ctrl-C ignored."""
    handler: signal.Handlers = request.param
    former = {number: signal.signal(number, handler) for number in _ENDS}
    yield handler
    for number, one in former.items():
        signal.signal(number, one)


@pytest.mark.parametrize("number", _ENDS)
def test_it_is_told_to_stop(before: signal.Handlers, number: signal.Signals) -> None:
    with told_to_stop() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert [signal.getsignal(each) for each in _ENDS] == [before, before]


@pytest.mark.parametrize("number", _ENDS)
def test_what_is_under_way_is_interrupted_and_left_in_order(before: signal.Handlers, number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), interrupted():
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in _ENDS] == [before, before]
