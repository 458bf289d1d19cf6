"""What the tests of the remediation examples share: loading a function, and recording what it calls."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTHING: dict[str, Any] = {"batchItemFailures": []}


class Loaded:
    """A function as Lambda loads it, whose AWS calls are recorded.

    Args:
        example: name of the example's folder.
        monkeypatch: sets the environment variables.
        environ: the function's settings; others are removed.
    """

    def __init__(self, example: str, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
        for name in ("DRY_RUN", "MAY_STOP", "MAY_BE_PUBLIC"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        self.app: ModuleType = _module(example)
        #: The operations that were called, in order.
        self.called: list[str] = []
        made = self.app.client

        def recording(region: str | None) -> Any:
            client = made(region)
            client.meta.events.register("before-call", self._record, unique_id="recorded")
            return client

        monkeypatch.setattr(self.app, "client", recording)

    def _record(self, model: Any, **_: Any) -> None:
        self.called.append(model.name)

    @property
    def changes(self) -> list[str]:
        """The calls that can change something: all but those that read."""
        return [name for name in self.called if not name.startswith(("Get", "List", "Describe"))]


def _module(example: str) -> ModuleType:
    path = EXAMPLES / example / "function" / "app.py"
    spec = importlib.util.spec_from_file_location(example.replace("-", "_"), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcomes(caplog: pytest.LogCaptureFixture, field: str) -> list[str]:
    """Returns the outcomes that the function logged: the messages of records with this field."""
    return [record.getMessage().rpartition(" ")[0] for record in caplog.records if hasattr(record, field)]
