"""docs/siem.md: its configurations are complete, and it covers what the HTTP sink has presets for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command import trailforward
from tests.support.pages import BLOCKS, ROOT
from trailforward import Config, sinks
from trailforward.sinks.http.presets import NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.pages import Block

CONFIGURATIONS = [block for block in BLOCKS if block.page == "docs/siem.md" and block.language == "toml"]
#: Presets that alert people, which docs/alerts.md describes, or that are for no particular product.
OTHERS = {"google-chat", "pagerduty", "slack", "standard-webhooks", "teams"}

every = pytest.mark.parametrize("block", CONFIGURATIONS, ids=lambda block: block.section)


@every
def test_each_configuration_is_accepted_as_printed(block: Block, tmp_path: Path) -> None:
    """``trailforward validate --strict`` accepts each configuration without a lint."""
    path = tmp_path / "trailforward.toml"
    path.write_text(block.text)
    done = trailforward("validate", path, "--strict")
    assert (done.code, done.out) == (0, ""), done
    assert "0 lints" in done.err


@every
def test_each_configuration_makes_a_sink_and_a_policy(block: Block, tmp_path: Path) -> None:
    """The sink can be created, and ``iam`` names every secret and nothing that is not there."""
    path = tmp_path / "trailforward.toml"
    path.write_text(block.text)
    for settings in Config.from_toml(block.text).sinks.values():
        sinks.make(settings).close()
    done = trailforward("iam", "--config", path)
    assert done.code == 0, done
    listed = json.dumps(json.loads(done.out))
    for arn in re.findall(r'"(arn:aws:secretsmanager:[^"#]+)', block.text):
        assert arn in listed


def test_the_page_covers_every_preset_of_a_siem() -> None:
    """A preset for a SIEM without a complete configuration would leave readers to guess."""
    used = {name for block in CONFIGURATIONS for name in re.findall(r'preset = "([^"]+)"', block.text)}
    assert used == set(NAMES) - OTHERS


def test_the_page_of_destinations_names_it() -> None:
    """README's table has the destinations, and leads to the page."""
    readme = (ROOT / "README.md").read_text()
    for name in ("OpenTelemetry", "Microsoft Sentinel", "Amazon OpenSearch", "Google SecOps", "Cribl Stream"):
        assert f"| {name} |" in readme
    assert "docs/siem.md" in readme
