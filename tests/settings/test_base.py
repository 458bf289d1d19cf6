"""Settings that a program constructs are immutable, comparable, and checked by their class."""

from __future__ import annotations

import pytest

from trailforward.config import RetrySettings, RouteTest
from trailforward.errors import SettingError
from trailforward.sinks.http.sink import HttpSettings
from trailforward.sinks.kinesis import KinesisSettings

URL = "https://siem.example.com"


def test_settings_are_frozen() -> None:
    """Settings cannot change after they were checked."""
    settings = RetrySettings()
    with pytest.raises(AttributeError, match="settings are frozen: max_attempts"):
        settings.max_attempts = 3  # type: ignore[misc]
    with pytest.raises(AttributeError, match="settings are frozen: max_attempts"):
        del settings.max_attempts
    assert settings.max_attempts == 5


def test_settings_are_equal_by_their_values() -> None:
    """Settings are equal if class and values are equal, whether a value is given or a default."""
    assert RetrySettings() == RetrySettings(max_attempts=5)
    assert len({RetrySettings(), RetrySettings(max_attempts=5), RetrySettings(max_attempts=4)}) == 2
    assert HttpSettings(to=URL) != KinesisSettings(to=KinesisSettings.example)
    assert repr(RetrySettings()) == "RetrySettings(max_attempts=5, initial_seconds=0.2, max_seconds=20.0)"


def test_tables_are_not_shared() -> None:
    """Two objects never share a default table."""
    assert HttpSettings(to=URL).headers == {}
    assert HttpSettings(to=URL).headers is not HttpSettings(to=URL).headers


def test_unknown_and_missing_settings_are_refused() -> None:
    """Unknown and missing names raise ``TypeError``, as in any function call."""
    with pytest.raises(TypeError, match="HttpSettings has no setting hedders, ur"):
        HttpSettings(to=URL, ur=1, hedders={})  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="RouteTest lacks matches"):
        RouteTest(sample="x")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "settings",
    [
        {"to": "http://siem.example.com"},
        {"to": URL, "secret": "hunter2"},
        {"to": URL, "metadata": {"a": "b"}},
    ],
)
def test_a_class_checks_what_a_program_gives(settings: dict[str, object]) -> None:
    """The error says what is wrong and gives the fix, without showing a secret."""
    with pytest.raises(SettingError) as caught:
        HttpSettings(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == f"{caught.value.what}. Fix: {caught.value.fix}"
    assert "hunter2" not in str(caught.value)
