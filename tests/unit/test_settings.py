import tomllib
from pathlib import Path

import pytest

from broker import settings
from broker.errors import Misconfigured

SHIPPED = Path(__file__).parents[2] / "config" / "broker.toml"

CONTRADICTIONS = {
    "default above cap": ("deadline_cap_ms = 4000", "deadline_cap_ms = 1000", "deadline_default_ms is above"),
    "nobody could be asked": ("deadline_default_ms = 1500", "deadline_default_ms = 200", "at least 250"),
    "reserve eats the deadline": ("reserve_ms = 150", "reserve_ms = 1000\n# ", "deadline_default_ms"),
    "lock outlasts commit": ("lock_wait_ms = 1000", "lock_wait_ms = 5000", "lock_wait_ms is above commit_wait_ms"),
    "start below least": ("attempt_start_ms = 1200", "attempt_start_ms = 100", "attempt_min_ms is above"),
    "start above most": ("attempt_start_ms = 1200", "attempt_start_ms = 3000", "attempt_start_ms is above"),
    "one API above its operator": ("api_in_flight_max = 48", "api_in_flight_max = 200", "api_in_flight_max is above"),
    "first pause above longest": ("breaker_open_s = 30", "breaker_open_s = 400", "breaker_open_s is above"),
    "throttle pause": ("throttle_pause_ms = 1000", "throttle_pause_ms = 40000", "throttle_pause_ms is above"),
    "retry wait": ("retry_wait_min_ms = 20", "retry_wait_min_ms = 200", "retry_wait_min_ms is above"),
    "no time to read": ("request_read_s = 10", "request_read_s = 0", "request_read_s"),
}


@pytest.mark.parametrize(("before", "after", "told"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    text = SHIPPED.read_text("utf-8")
    if "reserve" in before:
        text = text.replace("deadline_default_ms = 1500", "deadline_default_ms = 1050")
    assert text.count(before) == 1
    (tmp_path / "broker.toml").write_text(text.replace(before, after), "utf-8")
    with pytest.raises(Misconfigured, match=told):
        settings.load(tmp_path)


def test_the_shortest_deadline_leaves_time_to_ask(tmp_path: Path) -> None:
    (tmp_path / "broker.toml").write_text("[checks]\nreserve_ms = 300\n", "utf-8")
    assert settings.load(tmp_path).checks.deadline_min_ms == 400


def test_what_is_shipped_is_what_the_code_has_as_defaults() -> None:
    shipped = settings.load(SHIPPED.parent)
    assert shipped.model_dump() == settings.Settings().model_dump()


def test_without_any_folder_the_one_that_was_shipped_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.CONFIG_VARIABLE, raising=False)
    assert settings.config_folder(None) == SHIPPED.parent
    # Where the wheel puts it: beside this module's package, under the name that pyproject.toml gives it.
    wanted = tomllib.loads((SHIPPED.parents[1] / "pyproject.toml").read_text("utf-8"))
    assert wanted["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {"config": "broker/_config"}
    installed = tmp_path / "site" / "broker"
    (installed / "_config").mkdir(parents=True)
    assert settings.shipped_beside(installed) == installed / "_config"
