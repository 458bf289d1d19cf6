"""``import trailforward`` is cheap, and every public name exists."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import trailforward

HEAVY = ("pydantic", "boto3", "botocore", "aws_lambda_powertools", "typer", "rich")


def run(code: str) -> str:
    """The output of a new Python process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_loads_nothing_heavy() -> None:
    """Importing trailforward imports neither Pydantic nor boto3 nor Powertools."""
    code = f"import sys, trailforward; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code) == "[]"


def test_messages_need_no_pydantic() -> None:
    """Messages and patterns do not need Pydantic."""
    code = (
        "import sys, trailforward as t; t.Message(b'{\"detail\":1}', t.Origin('x')).detail;"
        "t.Pattern('{\"a\":[1]}');"
        "print('pydantic' in sys.modules)"
    )
    assert run(code) == "False"


def test_parsing_needs_no_aws() -> None:
    """Typed events need Pydantic, but neither boto3 nor Powertools."""
    code = (
        "import sys, trailforward; list(trailforward.parse({'detail-type': 'x', 'detail': {}}));"
        f"print([name for name in {HEAVY[1:]} if name in sys.modules])"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize("name", trailforward.__all__)
def test_public_names_resolve(name: str) -> None:
    """Every name in ``__all__`` can be imported, and ``dir`` lists it."""
    assert getattr(trailforward, name) is not None
    assert name in dir(trailforward)


def test_other_names_do_not_resolve() -> None:
    """A misspelled name raises an ordinary ``AttributeError``."""
    with pytest.raises(AttributeError, match="'trailforward' has no attribute 'Forwardr'"):
        _ = trailforward.Forwardr


SNAPSHOT = Path(__file__).parent / "public_names.txt"
#: Modules whose names users import. Those without ``__all__`` show what they define themselves.
MODULES = (
    "trailforward",
    "trailforward.config",
    "trailforward.doctor",
    "trailforward.errors",
    "trailforward.models",
    "trailforward.outcome",
    "trailforward.patterns",
    "trailforward.pricing",
    "trailforward.runtime",
    "trailforward.settings",
    "trailforward.sinks.base",
    "trailforward.sinks.settings",
    "trailforward.testing",
)


def public_names(module_name: str) -> list[str]:
    """The names that a module offers."""
    module = importlib.import_module(module_name)
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module_name
    )


def test_public_names_are_the_recorded_ones() -> None:
    """A public name appears, or disappears, only together with a change of the recorded list."""
    today = "".join(f"{module}.{name}\n" for module in MODULES for name in public_names(module))
    hint = "to change public names on purpose: python -m tests.test_public_names, and say so in CHANGELOG.md"
    assert SNAPSHOT.read_text() == today, hint


if __name__ == "__main__":
    SNAPSHOT.write_text("".join(f"{module}.{name}\n" for module in MODULES for name in public_names(module)))
