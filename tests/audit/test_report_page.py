"""The audit's page: self-contained, safe, accessible, bounded, and without surprises in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.audit.reports import ATTACK, digest_report, empty, place
from tests.doctor.report.test_report_page import Page
from tests.support.depth import DEEP
from tests.support.trail_bucket import ACCOUNT, START
from trailforward.audit.digest_report import SPAN_STATES, DigestReport, DigestSpan
from trailforward.audit.forms.page import map as page_map
from trailforward.audit.forms.page import strip, tables
from trailforward.audit.forms.page.markup import Safe, escape, table
from trailforward.audit.forms.summary import LOOKS
from trailforward.audit.report import Result, render

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: One cell for each verdict, and an hour without log files.
CLASSES = ("unexpected", "undetermined", "no_rule", "pending", "read_only", "arrived")


def hours(days: int = 1) -> Result:
    """A result with one hour for each verdict, of a window of some days."""
    places = {
        (ACCOUNT, "eu-west-1", f"{START + timedelta(hours=hour):%Y-%m-%dT%H:00Z}"): Counter(
            {"recorded": 7, name: 7}
        )
        for hour, name in enumerate(CLASSES)
    }
    return empty(places=places, until=START + timedelta(days=days), regions=("eu-west-1", "eu-west-9"))


def page(result: Result) -> Page:
    """The parsed page of a result."""
    return Page(render(result, "html"))


def text_of(found: Page) -> str:
    """What a page shows, with single spaces."""
    return " ".join("".join(found.text).split())


def test_the_page_is_well_formed_and_loads_nothing(hostile: Result) -> None:
    """Tags are closed, links have a target, and nothing is loaded or run; the policy forbids it, too."""
    for result in (empty(), hours(), hours(9), hostile, empty(digests=digest_report())):
        text = render(result, "html")
        found = Page(text)
        assert found.open == []
        ids = Counter(attrs["id"] for _, attrs in found.tags if "id" in attrs)
        assert set(ids.values()) == {1}
        assert {link["href"][1:] for link in found.all("a")} <= ids.keys()
        assert all(link["href"].startswith("#") for link in found.all("a"))
        assert not {tag for tag, _ in found.tags} & {
            "script",
            "img",
            "iframe",
            "link",
            "form",
            "object",
            "base",
        }
        names = {name for _, attrs in found.tags for name in attrs}
        assert not [name for name in names if name.startswith("on") or name in {"src", "srcset", "action"}]
        style = text[text.index("<style>") : text.index("</style>")]
        assert not re.search(r"url\(|@import|</", style)
        (policy,) = found.all("meta", **{"http-equiv": "Content-Security-Policy"})
        assert policy["content"].startswith("default-src 'none'; style-src 'unsafe-inline';")


def test_hostile_values_are_text(hostile: Result) -> None:
    """What an attacker chose is shown as it is, as text: no tag, attribute, or style comes from it."""
    found = page(hostile)
    tags = {tag for tag, _ in page(empty(digests=digest_report(), problems=["x"])).tags}
    assert {tag for tag, _ in found.tags} <= tags | {"article", "header", "h3", "br", "details", "summary"}
    values = {name: {attrs[name] for _, attrs in found.tags if name in attrs} for name in ("class", "style")}
    assert all(re.fullmatch(r"[a-z ]*", value) for value in values["class"])
    assert all(re.fullmatch(r"(flex-grow|left):[0-9.]+%?", value) for value in values["style"])
    shown = "".join(found.text)
    assert "<script>alert(1)</script>" in shown
    assert "{{unknown y}}" in shown
    assert "\\x1b[31m" in shown
    assert "\\u202e" in shown
    assert "\\ud800" in shown


def test_each_cell_has_a_color_a_sign_and_words() -> None:
    """Whoever does not see colors, or does not see, learns from each cell what happened in the hour."""
    found = page(hours())
    cells = [
        attrs
        for attrs in found.all("span")
        if attrs.get("class", "").startswith("cell ") and "title" in attrs
    ]
    assert len(cells) == 24
    assert cells[0]["title"] == "eu-west-1, 2026-11-26 00:00: 7 missing"
    assert [cell["class"] for cell in cells[:7]] == [
        *(f"cell {LOOKS[name].tone}" for name in LOOKS if name != "arrived"),
        "cell covered",
        "cell absent",
    ]
    text = text_of(found)
    for words in ("✗7 7 missing", "?7 7 undetermined", "!7 7 gap", "…7 7 pending", "· nothing recorded"):
        assert words.replace(" ", "") in text.replace(" ", "")
    assert "No log files in the window: eu-west-9." in text


def test_tables_have_captions_and_heads() -> None:
    """Each table has a caption, its columns and rows have heads, and tables that scroll take the focus."""
    found = page(replace(hours(9), digests=digest_report(), problems=["x"]))
    tables_found = found.all("table")
    assert len(found.all("caption")) == len(tables_found) > 4
    assert all(attrs.get("scope") in {"col", "row", "colgroup"} for attrs in found.all("th"))
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in found.all("div", role="region"))
    assert found.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1


def test_long_windows_show_the_hours_of_the_worst_days() -> None:
    """A window of several days has columns of 6 hours or days, and folds with the hours of the worst days."""
    found = page(hours(31))
    text = text_of(found)
    assert "Each day by Region" in text
    assert "Hours of 2026-11-26: Regions with trouble" in text
    assert len(found.all("details")) == 1
    assert "Each 6 hours by Region" in text_of(page(hours(5)))


def test_every_state_of_a_chain_is_in_its_strip() -> None:
    """A strip has a part for each state, as wide as its time, with a sign and words."""
    found = page(empty(digests=digest_report(codes=["LOG_MISSING", "LOG_MISSING", "CHAIN_GAP"])))
    parts = [attrs for attrs in found.all("li") if "flex-grow" in attrs.get("style", "")]
    assert len(parts) == len(SPAN_STATES)
    assert {part["style"] for part in parts} == {"flex-grow:125.0"}
    text = text_of(found)
    assert "2026-11-26 15:00 to 2026-11-26 18:00: the chain ended, and a new one began" in text
    assert "2 LOG_MISSING: a digest names a log file that is not there" in text


def test_complete_strips_are_counted_if_there_are_many() -> None:
    """With many chains, the broken ones are shown, and the complete ones are counted."""
    report = DigestReport(digests=1)
    end = START + timedelta(days=1)
    for number in range(1000):
        state = "gap" if number < strip.MOST_STRIPS + 5 else "valid"
        report.spans.append(DigestSpan(f"{10**11 + number}", "eu-west-1", "example", START, end, state))
    found = page(empty(digests=report))
    assert len(found.all("ol", **{"class": "strip"})) == strip.MOST_STRIPS
    assert "935 complete strips not shown." in text_of(found)
    assert "5 more: --format json lists all spans." in text_of(found)


def test_missing_events_are_listed_by_time_and_the_note_says_where_all_are(hostile: Result) -> None:
    """The page lists the first missing events, and names the file with all of them."""
    row = hostile.unexpected[0]
    rows = [
        {**row, "eventID": f"EXAMPLE-{n:04}", "eventTime": f"2026-11-26T{n % 24:02}:00:00Z"}
        for n in range(300)
    ]
    result = empty(places=place(recorded=300, unexpected=300), unexpected=rows, listed_in="missing.ndjson")
    text = render(result, "html")
    assert len(re.findall("EXAMPLE-", text)) == tables.MOST_MISSING
    assert "100 more: missing.ndjson lists all of them, one JSON object per line." in text
    assert text.index("EXAMPLE-0000") < text.index("EXAMPLE-0024") < text.index("EXAMPLE-0001")
    assert "trailforward repair --missing missing.ndjson --trail trail" in text
    few = empty(places=place(recorded=1, unexpected=1), unexpected=rows[:1])
    assert "--missing FILE writes all of them" in render(few, "html")


def test_the_page_stays_small() -> None:
    """1,000 accounts in 30 Regions over 31 days take less than 2 MB, whatever is wrong with them."""
    accounts, dense = (1000, 1000) if DEEP else (tables.MOST_ACCOUNTS + 5, 4)
    regions = [f"xx-{area}-{number}" for area in ("north", "south", "east") for number in range(1, 16)]
    names = list(LOOKS)
    classes = ("unexpected", "undetermined", "no_rule", "pending", "read_only", "arrived")
    places = {
        (f"{10**11 + account}", region, f"{START + timedelta(hours=hour):%Y-%m-%dT%H:00Z}"): Counter(
            {"recorded": 123_456, classes[(account + hour + number) % len(names)]: 123_456}
        )
        for account in range(accounts)
        for number, region in enumerate(regions)
        for hour in range(0, 31 * 24, 24 if account < dense else 240)
    }
    whys = {
        ("unexpected", f"{10**11 + number}", "xx-north-1", f"reason {number} {ATTACK}"): 1
        for number in range(5000)
    }
    result = empty(places=places, until=START + timedelta(days=31), whys=whys, problems=["x" * 5000] * 5000)
    result.digests = digest_report()
    result.digests.findings *= 500
    text = render(result, "html")
    assert len(text.encode()) < 2_000_000
    found = text_of(Page(text))
    assert f"{45 - page_map.MOST_REGIONS} more: --format json lists all Regions." in found
    assert f"{accounts - tables.MOST_ACCOUNTS} more: --format json lists all." in found


def test_text_is_escaped_unless_it_was_made_here() -> None:
    """A table escapes every text, and keeps HTML only if it is marked as safe."""
    made = table("a<b", ("h<", "k"), [("<i>", Safe("<code>x</code>")), ('"', 1_000)])
    assert "<i>" not in made
    assert "&lt;i&gt;" in made
    assert "<code>x</code>" in made
    assert "1,000" in made
    assert escape("\x1b'\"&") == "\\x1b&#x27;&quot;&amp;"


DRIVER = """
document.querySelectorAll('details').forEach((one) => { one.open = true; });
const wide = [...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll, .sr')
  && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.tagName + one.className);
document.title = [document.scripts.length, document.images.length, innerWidth, wide.slice(0, 3),
  document.documentElement.scrollWidth <= innerWidth].join(' | ');
"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium to run this in a browser"
)
def test_hostile_values_in_a_browser(tmp_path: Path, hostile: Result, width: int) -> None:
    """A browser runs nothing from a record, even without the policy, and long values hide nothing."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", render(hostile, "html"))
    (tmp_path / "page.html").write_text(text.replace("</body>", f"<script>{DRIVER}</script></body>"), "utf-8")
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += [
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},800",
    ]
    command += ["--dump-dom", f"file://{tmp_path / 'page.html'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert "CONSOLE" not in done.stderr
    title = re.search("<title>(.*?)</title>", done.stdout)
    assert title is not None
    scripts, images, _, wide, fits = title[1].split(" | ")
    assert (scripts, images, wide, fits) == ("1", "0", "", "true")
