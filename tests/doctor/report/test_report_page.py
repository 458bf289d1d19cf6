"""The HTML page: self-contained, safe, readable without scripts, and working in a real browser."""

import base64
import hashlib
import json
import random
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.doctor import worlds
from tests.doctor.report.planted import HOME, HUB, QUEUE, planted, sound, wide
from tests.doctor.report.test_report_forms import HOSTILE, asked, hostile
from tests.support.depth import DEEP
from trailforward.doctor.report import Survey, render
from trailforward.doctor.report.html_page.grid import MOST_ROWS
from trailforward.doctor.report.text import area_of

TYPO = {"source": ["aws.iam"], "detail": {"eventName": ["createUser"]}}
VOID = {"meta", "input", "br", "img", "link", "rect", "circle", "path"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(HTMLParser):
    """A parsed page: its tags with attributes, its text, and whether all tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Records a tag."""
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        """Records an empty tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Closes the innermost tag."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Records visible text."""
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text.append(data)

    def all(self, tag: str, **attrs: str) -> list[dict[str, str]]:
        """The attributes of all matching tags."""
        return [found for name, found in self.tags if name == tag and attrs.items() <= found.items()]


def page(world: dict[str, Any], **more: Any) -> Page:
    """The page of a world."""
    return Page(render(asked(world, **more), "html"))


@pytest.mark.parametrize("world", [sound(), planted(), hostile(), {}, sound((HUB,), [HOME])])
def test_well_formed(world: dict[str, Any]) -> None:
    """Every tag is closed, every ID is unique, and every internal link has a target."""
    found = page(world)
    assert found.open == []
    ids = Counter(attrs["id"] for _, attrs in found.tags if "id" in attrs)
    assert set(ids.values()) == {1}
    links = {attrs["href"] for attrs in found.all("a")}
    assert {link[1:] for link in links if link.startswith("#")} <= ids.keys()


def test_hostile_names_stay_text() -> None:
    """A rule called <script> is shown as text: no tag, attribute or URL on the page comes from a name."""
    found = page(hostile())
    harmless = {tag for tag, _ in page(planted()).tags}
    assert {tag for tag, _ in found.tags} <= harmless | {"ol", "h3"}
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    assert len(found.all("script")) == 2
    assert not found.all("img")
    assert "<script>alert(1)</script>" in "".join(found.text)
    assert all(link["href"].startswith(("#", "https://docs.aws.amazon.com/")) for link in found.all("a"))
    assert HOSTILE not in render(asked(hostile()), "html")
    assert "\x1b" not in render(asked(hostile()), "html")


def test_hostile_names_stay_out_of_the_script() -> None:
    """The data for the script contains only numbers and our own keys and signs."""
    text = render(asked(hostile()), "html")
    data = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert len(data) == 1
    assert set(json.loads(data[0])) == {
        *("statuses", "signs", "sizes", "kinds", "places", "rows", "accounts")
    }
    assert "alert" not in data[0]


def test_self_contained() -> None:
    """The page loads nothing, and its Content-Security-Policy allows only its own script."""
    text = render(asked(planted()), "html")
    found = Page(text)
    assert not found.all("link")
    assert not [attrs for _, attrs in found.tags if "src" in attrs or "srcset" in attrs]
    assert "url(" not in text
    assert "@import" not in text
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = found.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_readable_without_scripts() -> None:
    """Without scripts, the page shows headline, counts, both grids, findings with fixes, and paths."""
    found = page(planted())
    text = " ".join("".join(found.text).split())
    for part in (
        "17 of 17 Regions are blind to some events",
        "376 covered",
        "No rule leads to the destination",
        "Deploy the regional rule to this Region and account.",
        "documented by AWS",
        "measured by others",
        "undetermined; never counted as covered",
        "Event paths",
    ):
        assert part in text
    assert found.all("form")[0].get("hidden") == ""
    assert {attrs["id"] for attrs in found.all("table")} == {"by-class", "by-account"}


def test_cells_say_what_they_are() -> None:
    """Every grid cell describes its place and status, and blind cells link to their finding."""
    cells = [attrs for attrs in page(planted()).all("a") if "cell" in attrs.get("class", "").split()]
    assert len(cells) == 17 * 9 + 5 * 17
    assert {"eu-west-3, Management write: blind, 4 of 5"} <= {attrs["aria-label"] for attrs in cells}
    assert all(
        attrs["href"].startswith("#no-rule-")
        for attrs in cells
        if attrs["aria-label"].startswith("eu-west-3, Management write")
    )


def test_unknown_is_shown_as_unknown() -> None:
    """An account that was not read has a row of question marks, and no covered cell."""
    cells = [attrs for attrs in page(planted()).all("a") if attrs.get("data-w") == "4"]
    assert len(cells) == 17
    assert all("unknown" in attrs["class"] and "covered" not in attrs["class"] for attrs in cells)


def test_paths_are_described() -> None:
    """Each diagram has a text description for screen readers."""
    labels = [attrs["aria-label"] for attrs in page(planted()).all("ol", **{"class": "steps"})]
    assert labels[0].startswith("call API call (passes) → trail organization (passes) → bus default (passes)")
    assert any("rule trailforward (breaks here)" in label for label in labels)


def test_names_in_diagrams_are_whole() -> None:
    """However long a name is, a diagram shows all of it."""
    name = "organization-wide-security-events-of-every-account-and-region"
    world = json.loads(json.dumps(sound((HUB,), [HOME])).replace('"to-queue"', json.dumps(name)))
    assert f"<b>{name}</b>" in render(asked(world), "html")


def test_what_is_excluded_on_purpose_is_not_red() -> None:
    """Classes that are left out on purpose are gray, counted apart, and in a fold, not among what to do."""
    world = sound((HUB,))
    for rule in world["rules"]:
        rule["state"] = "ENABLED"
    text = render(asked(world), "html")
    found = Page(text)
    cells = [attrs for attrs in found.all("a") if "cell" in attrs.get("class", "").split()]
    assert {attrs["class"] for attrs in cells} == {"cell covered", "cell excluded"}
    assert "eu-west-3, Management read-only: excluded" in {attrs["aria-label"] for attrs in cells}
    shown = " ".join("".join(found.text).split())
    for part in ("Every other event is covered", "0 blind", "68 excluded", "No problems found."):
        assert part in shown
    assert "finding blind" not in text
    assert "path blind" not in text


def test_every_rule_has_its_verdict() -> None:
    """Beside a grid, rules with a reason of their own have a card, and all others one line in a fold."""
    world = sound((HUB,), [HOME])
    world["rules"].append(worlds.rule(QUEUE, name="typo", account=HUB, region=HOME, pattern=TYPO))
    text = render(asked(world), "html")
    assert re.search(
        r'<article class="finding rule blind">.*?<h3>typo</h3>.*?PATTERN_EVENT_NAME', text, re.DOTALL
    )
    assert re.search(r"2 other rules.*<b>trailforward</b>: arrives", text, re.DOTALL)


def test_accounts_with_equal_results_share_a_row() -> None:
    """Accounts with the same results are one row, which counts and names them."""
    found = page(wide(30, 2))
    assert len([attrs for attrs in found.all("tr") if "data-row" in attrs]) == 2
    text = "".join(found.text)
    assert "29 accounts" in text
    assert all(text.count(str(10**11 + number)) > 1 for number in range(29))


def test_regions_that_are_not_enabled() -> None:
    """A Region that one account has not enabled is an empty cell of that account."""
    world = sound()
    world["accounts"][HUB]["eu-west-3"] = "DISABLED"
    absent = [attrs for attrs in page(world).all("span") if "absent" in attrs.get("class", "")]
    assert {attrs["title"] for attrs in absent if "title" in attrs} == {
        f"account {HUB}, eu-west-3: not enabled"
    }


def test_large_pages_say_what_they_leave_out() -> None:
    """With very many accounts, findings and paths, the worst are shown and the rest is counted."""
    world = wide(230, 1)
    for number, rule in enumerate(world["rules"][:-1]):
        name = f"rule{chr(97 + number % 26)}{chr(97 + number // 26)}"
        rule |= {"name": name, "state": "DISABLED" if number > 5 else rule["state"]}
    found = page(world)
    text = "".join(found.text)
    assert "more accounts, none of them worse." in text
    assert "more findings in the JSON report." in text
    assert "more paths in the JSON report." in text
    rows = [attrs for attrs in found.all("tr") if "data-row" in attrs]
    assert len(rows) == MOST_ROWS


def mixed(accounts: int, regions: int) -> Survey:
    """A survey in which every account has other results: as hard for a page as a survey can be."""
    base = asked({**wide(2, regions), "rules": planted()["rules"]})
    names = [f"{2 * 10**11 + number}" for number in range(accounts)]
    chance = random.Random(1)  # noqa: S311  # not a secret
    by_class = {
        kind.name: [cell for cell in base.cells if cell.event_class == kind.name] for kind in base.classes
    }
    cells = tuple(
        replace(chance.choice(by_class[kind.name]), account=name, region=region)
        for name in names
        for region in base.regions
        for kind in base.classes
    )
    return replace(base, accounts=tuple(names), cells=cells)


def test_pages_stay_small() -> None:
    """A page stays under 2 MB, also for 1,000 accounts in 30 Regions with different results."""
    accounts, regions = (1000, 30) if DEEP else (150, 30)
    found = mixed(accounts, regions)
    text = render(found, "html")
    assert len(text.encode()) < 2_000_000
    assert len(Page(text).tags) < 12_000
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)[0])
    kinds = [
        data["statuses"][data["kinds"][kind][0]]
        for row in data["accounts"]
        for place in data["rows"][row]
        for kind in data["places"][place]
    ]
    assert Counter(kinds) == found.counts


def test_areas() -> None:
    """Regions are grouped by geographic area; an unknown area is called Other."""
    assert [area_of(name) for name in ("eu-west-1", "us-gov-west-1", "zz-new-1")] == [
        *("Europe", "United States", "Other")
    ]


DRIVER = """
const cell = document.querySelector('#by-class a.cell[data-r="11"][data-c="0"]');
const seen = () => [...document.querySelectorAll('.finding')].filter((card) => !card.hidden).length;
const before = seen();
cell.click();
const narrow = seen() + ' ' + document.getElementById('shown').textContent;
cell.click();
const first = document.querySelector('#by-class a.cell');
first.focus();
first.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true}));
const moved = document.activeElement.getAttribute('aria-label');
const stops = document.querySelectorAll('#by-class a.cell[tabindex="0"]').length;
const form = document.getElementById('filters');
document.querySelector('#by-account a.cell[data-w="4"]').click();
const account = form.elements.account.value;

form.dispatchEvent(new Event('change'));
const all = [...document.querySelectorAll('#by-account tr[data-row]')];
const rows = all.filter((row) => !row.hidden).length;
const hints = [...document.querySelectorAll('.wide')].map((box) => box.className);
document.title = [before, narrow, seen(), moved, stops, rows, form.hidden, account, hints,
  document.documentElement.scrollWidth <= innerWidth].join(' | ');
"""

MORE = """
const rows = () => document.querySelectorAll('#by-account tbody tr').length;
const before = rows();
document.querySelector('#more-rows button').click();
const last = [...document.querySelectorAll('#by-account tbody tr')].at(-1);
last.querySelector('a.cell').click();
document.title = [before, rows(), last.cells.length, last.cells[0].textContent,
  document.getElementById('filters').elements.account.selectedOptions[0].textContent,
  document.getElementById('more-rows')].join(' | ');
"""


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium to run this in a browser"
)
def test_in_a_browser(tmp_path: Path) -> None:
    """In a browser nothing is logged, a click on a cell filters, arrow keys move, and filters work."""
    text = render(asked(planted()), "html")
    (tmp_path / "page.html").write_text(text, "utf-8")
    dom, log = _browse(tmp_path, "page.html")
    assert "CONSOLE" not in log
    assert re.search(r'<form id="filters" aria-label', dom)
    assert _driven(tmp_path, text, DRIVER) == [
        "11",
        "3 In this selection: 4 blind, 1 unknown, 0 covered.",
        "1",
        "ap-northeast-2, Management write: unknown, 1 of 5",
        *("1", "1", "false", "4", "wide,wide wider right", "true"),
    ]
    names = [f"{2 * 10**11 + number}" for number in range(100)]
    before, after, cells, last, account, button = _driven(tmp_path, render(mixed(100, 2), "html"), MORE)
    assert (before, after, cells, button) == (str(MOST_ROWS), "100", "3", "")
    assert last == account
    assert last in names


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium to run this in a browser"
)
def test_hostile_names_in_a_browser(tmp_path: Path) -> None:
    """A browser runs nothing that a name contains, and logs no error."""
    (tmp_path / "page.html").write_text(render(asked(hostile()), "html"), "utf-8")
    dom, log = _browse(tmp_path, "page.html")
    assert "CONSOLE" not in log
    assert dom.count("<script") == 2
    assert "<img" not in dom


def _driven(folder: Path, text: str, script: str) -> list[str]:
    """What a script reports after it has used the page."""
    free = re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", f"<script>{script}</script></body>")
    (folder / "driven.html").write_text(free, "utf-8")
    dom, log = _browse(folder, "driven.html")
    assert "CONSOLE" not in log
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    return title[1].split(" | ")


def _browse(folder: Path, name: str) -> tuple[str, str]:
    """The page after its scripts ran, and the browser's log."""
    assert CHROMIUM is not None
    command = [
        *(
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--enable-logging=stderr",
        ),
        *(
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=390,800",
            "--dump-dom",
            f"file://{folder / name}",
        ),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return run.stdout, run.stderr
