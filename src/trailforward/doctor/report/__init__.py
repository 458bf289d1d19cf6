"""Reports: the coverage of a whole world, for terminals, programs, pull requests, and code scanning.

::

    from trailforward.doctor.report import print_terminal, render, survey

    found = survey(world)
    found.exit_code                # 0 covered, 1 blind, 2 undetermined
    page = render(found, "html")   # or json, markdown, sarif, terminal

``survey`` checks every account, Region and class of events; ``causes`` groups the findings, and
``path_groups`` the paths. Each report format has its own module. Only the terminal format needs Rich, and
none calls AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from trailforward.doctor.report.causes import Cause
from trailforward.doctor.report.survey import Cell, Survey, known_accounts, survey

if TYPE_CHECKING:
    from rich.console import Console

Form = Literal["json", "markdown", "sarif", "html", "terminal"]

#: The formats that :func:`render` supports.
FORMS: tuple[Form, ...] = get_args(Form)

__all__ = ["FORMS", "Cause", "Cell", "Form", "Survey", "known_accounts", "print_terminal", "render", "survey"]


def render(found: Survey, form: Form) -> str:
    """Renders a survey as text.

    Args:
        found: the result of :func:`survey`.
        form: ``json`` (see ``report/schema.json``), ``markdown`` for pull requests, ``sarif`` 2.1.0, ``html``
            for one self-contained page, or ``terminal``: 100 columns, no colors.

    Raises:
        ValueError: the format is unknown.
    """
    if form == "json":
        from trailforward.doctor.report.json_report import to_json

        return to_json(found)
    if form == "markdown":
        from trailforward.doctor.report.markdown import to_markdown

        return to_markdown(found)
    if form == "sarif":
        from trailforward.doctor.report.sarif import to_sarif

        return to_sarif(found)
    if form == "html":
        from trailforward.doctor.report.html_page.page import to_html

        return to_html(found)
    if form == "terminal":
        from trailforward.doctor.report.terminal import to_text

        return to_text(found)
    raise ValueError(f"unknown report format {form!r}: choose one of {', '.join(FORMS)}")


def print_terminal(found: Survey, console: Console) -> None:
    """Prints a survey to a console: the grid, then the findings, most serious first."""
    from trailforward.doctor.report.terminal import show

    show(found, console)
