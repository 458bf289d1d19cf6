"""The examples in docs/alerts.md are what the formats produce."""

from __future__ import annotations

from tests.formats.alerts_page import PAGE, examples, written


def test_the_examples_are_current() -> None:
    """Every example is the output of its format; `python -m tests.formats.alerts_page` writes them."""
    page = PAGE.read_text()
    assert written(page) == page


def test_every_format_for_alerts_has_an_example() -> None:
    """The page shows the same event in every format for people, pagers, and findings."""
    formats = {"text", "slack", "teams", "google-chat", "amazon-q", "pagerduty", "ocsf-finding", "asff"}
    assert set(examples(PAGE.read_text())) == formats
