from collections.abc import Iterator

import pytest

from tests.support.stage import Stage, set_stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for a module's stories; each story brings subjects of its own or leaves none behind that matter."""
    with set_stage(tmp_path_factory.mktemp("stage")) as standing:
        yield standing
