"""survey: what is checked, how it is counted, and how causes are grouped."""

import subprocess
import sys
from typing import Any

import pytest

from tests.doctor.report.planted import (
    HOME,
    HUB,
    PAYMENTS,
    QUEUE,
    REGIONS,
    SANDBOX,
    STAGING,
    UNREAD,
    planted,
    regional,
    sound,
    wide,
)
from tests.doctor.worlds import LONG
from tests.support.depth import DEEP
from trailforward.doctor import CLASSES, World, load_codes
from trailforward.doctor.report import FORMS, Survey, render, survey
from trailforward.doctor.report.path_groups import group_paths

COMMON = tuple(kind for kind in CLASSES if kind.name not in {"insight", "network"})


def asked(world: dict[str, Any], **more: Any) -> Survey:
    """A survey of a world given as JSON."""
    return survey(World.model_validate(world), **more)


def test_every_cell_is_checked() -> None:
    """Every account, enabled Region and class of events has exactly one result."""
    found = asked(sound())
    places = {(cell.account, cell.region, cell.event_class) for cell in found.cells}
    assert len(places) == len(found.cells) == 3 * len(REGIONS) * len(CLASSES)
    assert found.counts.total() == len(found.cells)
    assert found.counts == sum(found.tally(lambda cell: cell.account).values(), start=type(found.counts)())


def test_planted_faults_are_found_once_each() -> None:
    """Every planted fault is one finding, however many Regions, accounts and classes it affects."""
    found = asked(planted(), classes=COMMON)
    main = {
        (cause.code, cause.accounts, len(cause.regions)) for cause in found.causes if cause.kind != "note"
    }
    assert main == {
        ("NO_RULE", (HUB, PAYMENTS, STAGING, SANDBOX), 2),
        ("ROLE_MISSING", (PAYMENTS,), 1),
        ("RULE_DISABLED", (PAYMENTS,), 1),
        ("RULE_STATE_READONLY", (STAGING,), 15),
        ("PATTERN_MISMATCH", (SANDBOX,), 1),
        ("ACCOUNT_NOT_VISIBLE", (UNREAD,), 17),
        ("REGION_CHANGING", (SANDBOX,), 1),
        ("DLQ_MISSING", (HUB,), 2),
    }


def test_most_serious_first() -> None:
    """Findings are sorted by severity, then breaks before unknowns, then by the class of events."""
    causes = asked(planted()).causes
    order = ["critical", "warn", "info"]
    assert [order.index(cause.severity) for cause in causes] == sorted(
        order.index(cause.severity) for cause in causes
    )
    assert causes[0].code == "NO_RULE"
    assert causes[-1].kind == "note"


def test_same_cause_in_thirty_regions() -> None:
    """The same cause in 30 Regions is one finding that names the 30 Regions and every link."""
    world = sound((HUB,), [HOME, *(f"xx-test-{number}" for number in range(29))])
    for rule in world["rules"]:
        rule["state"] = "DISABLED"
    found = asked(world, classes=COMMON[:1])
    cause = next(cause for cause in found.causes if cause.code == "RULE_DISABLED")
    assert len(cause.regions) == len(cause.at) == cause.cells == 30
    assert cause.title == "The rule is disabled"


def test_generated_names_are_one_cause() -> None:
    """Rules whose names CloudFormation generated are one finding; rules with different names are two."""
    world = sound((HUB,), ["eu-west-1", "eu-west-2", "eu-west-3", HOME])
    names = ["tf-Rule-1A2B3C4D5E6F", "tf-Rule-ZZ2B3C4D5E6F", "other", "trailforward"]
    for rule, name in zip(world["rules"], names, strict=False):
        rule |= {"name": name, "state": "DISABLED" if name != "trailforward" else rule["state"]}
    disabled = [cause for cause in asked(world, classes=COMMON[:1]).causes if cause.code == "RULE_DISABLED"]
    assert sorted(cause.regions for cause in disabled) == [("eu-west-1", "eu-west-2"), ("eu-west-3",)]


def test_ids_are_stable() -> None:
    """A finding keeps its ID when another Region is affected, and between runs."""
    world = sound((HUB,))
    world["rules"][0]["state"] = "DISABLED"
    before = asked(world, classes=COMMON[:1]).causes[0]
    world["rules"][1]["state"] = "DISABLED"
    after = asked(world, classes=COMMON[:1]).causes[0]
    assert before.id == after.id
    assert (before.cells, after.cells) == (1, 2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"rules": []}, 1),
        ({"organization": {"id": "o-example0000", "management": HUB, "accounts": [HUB, UNREAD]}}, 2),
        ({"destinations": []}, 2),
        ({"accounts": {}, "organization": None}, 2),
        ({"unseen": [{"account": HUB, "region": HOME, "what": "rules"}], "rules": []}, 1),
    ],
)
def test_exit_code(change: dict[str, Any], code: int) -> None:
    """0 needs every event to be covered; 1 means something is certainly blind; 2 is undetermined."""
    world = sound((HUB,), [HOME, "eu-west-1"])
    world["trails"][0]["account"] = HUB
    assert asked({**world, **change}, classes=COMMON).exit_code == code


def test_unknown_is_not_covered() -> None:
    """What could not be read comes out as unknown, and the survey names it."""
    world = sound((HUB,), [HOME])
    rules = [rule for rule in world["rules"] if rule["bus"] != "default"]
    unseen = [{"account": HUB, "region": HOME, "what": "rules", "why": "AccessDenied"}, {"account": "*"}]
    found = asked({**world, "rules": rules, "unseen": unseen}, classes=COMMON)
    assert set(found.counts) == {"unknown"}
    assert found.exit_code == 2
    assert found.not_read[0] == f"rules in {HOME} of account {HUB}: AccessDenied"
    assert "every account" in found.not_read[1]
    assert "unknown" in found.headline


def test_unread_accounts_are_shown() -> None:
    """An account that could not be read is unknown in every Region, and is never left out."""
    world = {**sound((HUB,)), "unseen": [{"account": UNREAD, "why": "AccessDenied"}]}
    counts = asked(world, classes=COMMON).tally(lambda cell: cell.account)
    assert dict(counts[UNREAD]) == {"unknown": len(REGIONS) * len(COMMON)}


def test_choices() -> None:
    """Accounts, Regions, classes and destinations can be chosen; what cannot be checked is named."""
    found = asked(
        sound(),
        destinations=[QUEUE],
        accounts=[PAYMENTS],
        regions=["eu-west-1", "xx-none-1"],
        classes=CLASSES[:2],
    )
    assert (found.accounts, found.regions, len(found.cells)) == ((PAYMENTS,), ("eu-west-1",), 2)
    assert found.not_checked == ("Region xx-none-1 is not enabled in any account that was checked.",)
    assert found.exit_code == 2
    assert found.headline == "Every event is covered, as far as could be checked"


def test_nothing_to_check() -> None:
    """Without a destination, account or Region nothing is claimed, and the reason is named."""
    assert "No destination" in asked(sound(), destinations=[]).not_checked[0]
    assert asked(sound(), destinations=[]).headline == "Nothing could be checked"
    assert asked({"destinations": [QUEUE]}).not_checked == ("The snapshot has no account.",)
    assert "no enabled Region" in asked({"destinations": [QUEUE], "accounts": {HUB: {}}}).not_checked[0]


def test_global_services_are_recorded_elsewhere() -> None:
    """A missing rule in us-east-1 makes every Region blind to IAM, and is one finding, in us-east-1."""
    world = sound((HUB,))
    world["rules"].remove(next(rule for rule in world["rules"] if rule == regional(HUB, HOME)))
    found = asked(world, classes=[kind for kind in CLASSES if kind.name == "global"])
    assert found.counts == {"blind": len(REGIONS)}
    assert [cause.regions for cause in found.causes if cause.kind == "break"] == [(HOME,)]


def test_headlines() -> None:
    """The headline leaves out classes that are never covered or excluded; the remark lists them."""
    found = asked(sound())
    assert (found.headline, found.exit_code) == ("Every other event is covered", 0)
    assert found.remark == "Excluded on purpose: Insights, Network activity."
    found = asked(sound(), classes=CLASSES)
    assert (found.headline, found.exit_code) == ("Every other event is covered", 1)
    assert found.remark == "Never covered, from anywhere: Insights, Network activity."
    assert asked(sound((HUB,)), classes=CLASSES[-2:]).headline == "No events arrive from anywhere"
    assert asked(sound(), classes=COMMON).headline == "Every event is covered"
    one = sound((HUB,))
    one["rules"].pop(0)
    assert asked(one, classes=COMMON[:1]).headline == "1 of 17 Regions is blind to some events"


@pytest.mark.parametrize(
    ("state", "selectors", "excluded"),
    [
        (LONG, None, {"data", "insight", "network"}),
        ("ENABLED", None, {"read", "kms-read", "data", "insight", "network"}),
        (LONG, {"ReadWriteType": "WriteOnly"}, {"read", "kms-read", "data", "insight", "network"}),
        (
            LONG,
            {"ExcludeManagementEventSources": ["kms.amazonaws.com"]},
            {"kms-read", "service", "data", "insight", "network"},
        ),
    ],
)
def test_choices_are_not_faults(state: str, selectors: Any, excluded: set[str]) -> None:
    """What the rules' state or event selectors exclude everywhere is neither blind nor a finding to fix."""
    world = sound((HUB,), [HOME, "eu-west-1"])
    world["trails"][0]["selectors"] = {"basic": [selectors]} if selectors else None
    for rule in world["rules"]:
        rule["state"] = state
    found = asked(world)
    assert {kind.name for kind in found.excluded} == excluded
    assert {cell.event_class for cell in found.cells if cell.status == "excluded"} == excluded
    assert (found.exit_code, found.counts["blind"]) == (0, 0)
    assert {
        cause.kind for cause in found.causes if cause.code in {"SELECTOR_EXCLUDES", "RULE_STATE_READONLY"}
    } == {"excluded"}
    wanted = asked(world, classes=CLASSES)  # classes that are asked for are wanted
    assert (wanted.exit_code, wanted.counts["excluded"]) == (1, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "ENABLED"}, "RULE_STATE_READONLY"),  # one Region of two leaves out read-only events
        ({"state": "DISABLED"}, "RULE_DISABLED"),
        ({"pattern": {"source": ["aws.ec2"]}}, "PATTERN_MISMATCH"),
    ],
)
def test_faults_are_not_choices(change: dict[str, Any], code: str) -> None:
    """A Region that leaves out what another one forwards, and rules that do not match, stay blind."""
    world = sound((HUB,), [HOME, "eu-west-1"])
    world["rules"][1] |= change
    found = asked(world)
    assert found.exit_code == 1
    assert code in {cause.code for cause in found.causes if cause.kind == "break"}


def test_a_trail_without_management_events_is_blind() -> None:
    """If no trail records management events, write events are blind, whatever was intended."""
    world = sound((HUB,), [HOME])
    world["trails"][0]["selectors"] = {"basic": [{"IncludeManagementEvents": False}]}
    found = asked(world)
    assert found.exit_code == 1
    assert found.headline == "No events arrive from anywhere"


def test_similar_paths_are_one_group() -> None:
    """Paths that differ only in Regions and accounts are one group; each cell knows its group."""
    found = asked(sound(), classes=COMMON)
    groups, of_cell = group_paths(found)
    assert [step.kind for step in groups[0].steps] == [
        *("call", "trail", "bus", "rule", "bus", "rule", "queue", "function", "sinks")
    ]
    assert (len(groups), groups[0].cells, set(of_cell)) == (1, len(found.cells), {0})
    assert [step.state for step in groups[0].steps][-3:] == ["covered", "beyond", "beyond"]


def test_paths_end_where_they_break() -> None:
    """A broken path shows the link that breaks it, and the destination as not reached."""
    groups, _ = group_paths(asked(planted(), classes=COMMON))
    ends = {
        group.code: (group.steps[-2].kind, group.steps[-2].state, group.steps[-1].where) for group in groups
    }
    assert ends["NO_RULE"] == ("bus", "blind", "not reached")
    assert ends["ROLE_MISSING"] == ("role", "blind", "not reached")
    assert ends["ACCOUNT_NOT_VISIBLE"] == ("region", "unknown", "uncertain")


def test_paths_through_odd_things() -> None:
    """Destinations that are not ARNs, several destinations, and denying functions can be shown too."""
    function = f"arn:aws:lambda:{HOME}:{HUB}:function:in"
    world = {**sound((HUB,), [HOME]), "destinations": ["no arn", function], "resources": [{"arn": function}]}
    groups, _ = group_paths(asked(world, classes=COMMON[:1]))
    assert groups[0].steps[-1][:2] == ("destination", "no arn and 1 more")
    world["rules"][-1]["targets"] = [{"id": "f", "arn": function}]
    groups, _ = group_paths(asked(world, classes=COMMON[:1]))
    assert (groups[0].code, groups[0].steps[-1].state) == ("LAMBDA_POLICY_MISSING", "blind")


def test_every_code_has_a_title() -> None:
    """Reports show a short title for every code of the doctor."""
    assert all(0 < len(code.title) <= 75 for code in load_codes().values())


def test_many_accounts() -> None:
    """Many Regions of many accounts give a handful of findings and path groups, in every format."""
    accounts, regions = (50, 40) if DEEP else (20, 12)
    world = wide(accounts, regions)
    for rule in world["rules"][::7]:
        rule["state"] = "DISABLED"
    found = asked(world)
    assert len(found.cells) == accounts * regions * 9
    assert len(found.causes) < 10
    assert len(group_paths(found)[0]) < 10
    assert len(render(found, "html")) < 2_000_000
    assert len(render(found, "markdown")) < 65_536
    assert len(render(found, "terminal").splitlines()) < 200


def test_unknown_format() -> None:
    """An unknown format gives an error that lists the formats."""
    assert FORMS == ("json", "markdown", "sarif", "html", "terminal")
    with pytest.raises(ValueError, match="json, markdown, sarif, html, terminal"):
        render(asked(sound((HUB,), [HOME])), "pdf")  # type: ignore[arg-type]


def test_import_needs_no_terminal() -> None:
    """Importing the doctor and its reports imports neither Rich nor boto3."""
    code = "import sys, trailforward.doctor.report; print({'rich', 'boto3'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
