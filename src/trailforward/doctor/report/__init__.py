"""Reports: what the doctor found in a whole world, for terminals, programs, pull requests and slides.

::

    from trailforward.doctor.report import print_terminal, render, survey

    found = survey(world)
    found.exit_code                # 0 covered, 1 blind, 2 could not say
    page = render(found, "html")   # or json, markdown, sarif, terminal

``survey`` asks, ``causes`` groups, ``ways`` draws together; then one file per form.
Nothing here needs Rich but the terminal's form, and none of it looks at AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from trailforward.doctor.report.causes import Cause
from trailforward.doctor.report.survey import Cell, Survey, known_accounts, survey

if TYPE_CHECKING:
    from rich.console import Console

Form = Literal["json", "markdown", "sarif", "html", "terminal"]

#: What :func:`render` can make.
FORMS: tuple[Form, ...] = get_args(Form)

__all__ = ["FORMS", "Cause", "Cell", "Form", "Survey", "known_accounts", "print_terminal", "render", "survey"]


def render(found: Survey, form: Form) -> str:
    """A survey as text.

    Args:
        found: what :func:`survey` gave.
        form: ``json`` (its schema is ``report/schema.json``), ``markdown`` for pull requests, ``sarif``
            2.1.0, ``html`` for one page that needs nothing else, or ``terminal``: 100 columns, no colours.

    Raises:
        ValueError: there is no such form.
    """
    if form == "json":
        from trailforward.doctor.report.as_json import to_json

        return to_json(found)
    if form == "markdown":
        from trailforward.doctor.report.markdown import to_markdown

        return to_markdown(found)
    if form == "sarif":
        from trailforward.doctor.report.sarif import to_sarif

        return to_sarif(found)
    if form == "html":
        from trailforward.doctor.report.page import to_html

        return to_html(found)
    if form == "terminal":
        from trailforward.doctor.report.terminal import to_text

        return to_text(found)
    raise ValueError(f"there is no report form {form!r}; there is {', '.join(FORMS)}")


def print_terminal(found: Survey, console: Console) -> None:
    """Prints a survey: the grid, then the findings, most serious first; as the console can show them."""
    from trailforward.doctor.report.terminal import show

    show(found, console)
