"""``trailforward cost --prices aws``: current prices from AWS's price list, over HTTP."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import point_at
from tests.support.command import Done, trailforward
from tests.support.price_list import PriceList, catalogue, product
from trailforward.pricing import load_prices
from trailforward.pricing.aws_list import QUERIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The dollars of each price in the catalogue, per unit of ``prices.toml``.
EXPECTED: dict[str, float | tuple[float, float]] = {
    "hop": 1.1,
    "cross-account": 0.06,
    "transfer": (0.02, 0.147),
    "internet": 0.0914,
    "queue": 0.44,
    "topic": 0.55,
    "invocation": 0.21,
    "arm64": 0.00001351,
    "x86_64": 0.00001677,
    "logs": 0.57,
    "metric": 0.31,
    "metric-data": 0.011,
    "alarm": 0.11,
    "dashboard": 3.10,
    "stream": 0.0155,
    "firehose": 0.031,
    "put": 5.4,
    "get": 0.43,
    "decrypt": 3.2,
    "finding": 31,
    "transition": 26,
    "express": 1.1,
    "express-memory": 0.000018,
    "table-read": 0.14,
    "table-write": 0.71,
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PriceList]:
    """The price list, and an empty folder for the saved prices."""
    with PriceList([*catalogue("us-east-1"), *catalogue("eu-west-1", "EUW1-")]) as server:
        point_at(server.url, monkeypatch)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield server


def cost(*options: str | Path) -> Done:
    """Runs the command for the hub."""
    base = ("cost", "--events-per-day", "2M", "--topology", "hub", "--batch-size", "500", "--prices", "aws")
    return trailforward(*base, *options)


def listed(*options: str | Path) -> dict[str, Any]:
    """The output for programs."""
    done = cost("--json", *options)
    assert done.code == 0, done.err
    output: dict[str, Any] = json.loads(done.out)
    return output


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_every_price_comes_from_the_list(server: PriceList, region: str) -> None:
    """Each price is the first paid tier of its product, with its source, and the estimate uses it."""
    assert QUERIES.keys() == EXPECTED.keys() == load_prices().by_name.keys()
    output = listed("--region", region)
    assert output["region"] == region
    assert output["as_of"] == dt.datetime.now(dt.UTC).date().isoformat()
    assert output["not_in_the_list_of_aws"] == {}
    for name, price in output["prices"].items():
        expected = EXPECTED[name]
        both = expected if isinstance(expected, tuple) else (expected, expected)
        assert (name, price["low"], price["high"]) == (name, *both)
        assert price["source"].startswith(("AWS price list: A", "AWS price list: awskms "))
        assert price["source"].endswith("published 2026-11-20") or name == "transfer"
    text = cost("--region", region).out
    assert "1 M events at $1.10 per million events = $1.10" in text
    assert "at $0.02 to 0.147 per GB" in text
    assert f"List prices of {output['as_of']}, {region}, without free tiers." in text
    assert "Not in the price list" not in text


def test_what_the_list_does_not_give_is_marked(server: PriceList) -> None:
    """A price without exactly one product in the expected unit stays as it was, and the output says why."""
    server.products = [
        each
        for each in catalogue("us-east-1")
        if (each["serviceCode"], each["product"]["productFamily"]) != ("AmazonCloudWatch", "Dashboard")
    ]
    more = {"regionCode": "us-east-1", "eventType": "Custom Event"}
    server.products += [
        product("AWSEvents", "EventBridge", (("0", "0.000002"),), usagetype="X-Event-64K-Chunks", **more),
        product("AmazonStates", "", (("0", "25"),), usagetype="X-StateTransition", regionCode="us-east-1"),
        {"serviceCode": "AmazonSNS", "product": {"productFamily": "API Request", "attributes": {}}},
    ]
    output = listed("--to", "stepfunctions")
    kept = output["not_in_the_list_of_aws"]
    assert kept == {
        "dashboard": "no product matches",
        "hop": "several products match: Event-64K-Chunks and X-Event-64K-Chunks",
        "transition": "several products match: StateTransition and X-StateTransition",
    }
    own = load_prices()
    for name in kept:
        assert output["prices"][name]["low"] == own[name].low
        assert output["prices"][name]["source"] == own[name].source
    text = cost().out
    assert "Not in the price list of AWS, so these are our prices of us-east-1:" in text
    assert "  dashboard: no product matches" in text
    assert "  transition:" not in text, "this bill does not use it"


def test_a_price_in_another_unit_is_not_taken(server: PriceList) -> None:
    """If AWS changes a unit, the bill is not wrong by orders of magnitude."""
    for each in server.products:
        if each["product"]["attributes"]["usagetype"].endswith("StateTransition"):
            (term,) = each["terms"]["OnDemand"].values()
            for tier in term["priceDimensions"].values():
                tier["pricePerUnit"]["USD"] = "0.026" if tier["beginRange"] != "0" else "0"
            del each["publicationDate"]
    assert listed()["not_in_the_list_of_aws"] == {"transition": "the unit is unexpected: $0.026 per Requests"}


def test_several_pages_are_read(server: PriceList) -> None:
    """The products of all pages count, up to a limit."""
    server.page = 1
    assert listed()["not_in_the_list_of_aws"] == {}
    server.products += [catalogue("us-east-1")[0]] * 5
    missing = listed("--prices-age", "0")["not_in_the_list_of_aws"]
    assert missing == dict.fromkeys(("hop", "cross-account"), "more than 500 products match")


def test_a_file_changes_the_prices_of_aws(server: PriceList, tmp_path: Path) -> None:
    """Prices of a contract in a file are stronger than the list, in any order of the options."""
    path = tmp_path / "mine.toml"
    path.write_text("queue = 0.3\n")
    prices = listed("--prices", path)["prices"]
    assert (prices["queue"]["low"], prices["hop"]["low"]) == (0.3, 1.1)


def test_prices_are_saved_for_a_week(server: PriceList, tmp_path: Path) -> None:
    """The list is read once, again when the saved prices are too old, or when the user says so."""
    listed()
    first = server.calls
    assert first == len(QUERIES)
    assert listed()["prices"]["hop"]["low"] == 1.1
    assert server.calls == first
    listed("--prices-age", "0")
    assert server.calls == 2 * first
    (saved,) = tmp_path.rglob("prices-us-east-1.json")
    kept = json.loads(saved.read_text())
    today = dt.datetime.now(dt.UTC).date()
    for days, calls in ((6, 2), (8, 3)):
        saved.write_text(json.dumps({**kept, "as_of": (today - dt.timedelta(days)).isoformat()}))
        listed()
        assert server.calls == calls * first


@pytest.mark.parametrize("text", ['{"version": 1}', "[" * 100_000])
def test_a_damaged_file_of_saved_prices_is_replaced(server: PriceList, tmp_path: Path, text: str) -> None:
    """A file that is not understood is read again from AWS, and replaced."""
    path = tmp_path / "cache" / "trailforward" / "prices-us-east-1.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert listed()["prices"]["hop"]["low"] == 1.1
    assert json.loads(path.read_text())["region"] == "us-east-1"


def test_a_folder_that_cannot_be_written_is_a_note(server: PriceList, tmp_path: Path) -> None:
    """If the prices cannot be saved, the estimate is still printed."""
    (tmp_path / "cache").write_text("a file")
    done = cost()
    assert done.code == 0
    assert "The prices are not saved." in done.err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            (400, "AccessDeniedException"),
            "Allow pricing:GetProducts: `trailforward iam cost` prints the policy",
        ),
        ((400, "UnrecognizedClientException"), "Log in, or set AWS_PROFILE"),
        ((500, "InternalErrorException"), "Try again in a minute"),
    ],
)
def test_an_error_of_aws_has_its_fix(server: PriceList, error: tuple[int, str], words: str) -> None:
    """Without permission or credentials, the exit status is 2, and the error says the fix."""
    server.error = error
    done = cost()
    assert (done.code, done.out) == (2, "")
    assert "Cannot read the price list of AWS: An error occurred" in done.err
    assert words in done.err
    assert "Without --prices aws, the command uses its own prices." in done.err


def test_filters_that_aws_refuses_cost_one_price(server: PriceList) -> None:
    """If AWS does not know an attribute, the price stays as it was; if it knows none, that is an error."""
    server.error = (400, "InvalidParameterException")
    done = cost()
    assert done.code == 2
    assert "has no prices for us-east-1 in US dollars" in done.err


def test_no_network_and_no_credentials(server: PriceList, monkeypatch: pytest.MonkeyPatch) -> None:
    """The errors say what is missing."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "Unable to locate credentials. Log in, or set AWS_PROFILE." in cost().err
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "The config profile (absent) could not be found. Log in, or set AWS_PROFILE." in cost().err
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = cost()
    assert (done.code, done.out) == (2, "")
    assert "Check the network and HTTPS_PROXY." in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--region", "mars-1"), "has no prices for mars-1"),
        (("--region", "../x"), "is not the name of a Region"),
        (("--prices-age", "-1"), "0"),
    ],
)
def test_invalid_options(server: PriceList, options: tuple[str, ...], words: str) -> None:
    """Invalid Regions and ages are refused."""
    done = cost(*options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_a_region_needs_the_list() -> None:
    """The command's own prices are those of one Region."""
    done = trailforward("cost", "--events-per-day", "2M", "--region", "eu-west-1")
    assert (done.code, done.out) == (2, "")
    assert "Add --prices aws" in done.err


def test_the_policy() -> None:
    """``iam cost`` prints the only permission that is needed."""
    done = trailforward("iam", "cost")
    (statement,) = json.loads(done.out)["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "pricing:GetProducts")
    assert trailforward("iam", "cost", "arn:aws:iam::111122223333:role/x").code == 2


def test_a_destination_without_a_price() -> None:
    """V2 buses are refused with the reason and the page to look at."""
    done = trailforward("cost", "--events-per-day", "2M", "--to", "eventbridge-v2", COLUMNS="300")
    assert (done.code, done.out) == (2, "")
    assert "no document that we know gives the rates" in done.err
    assert "https://aws.amazon.com/eventbridge/pricing/" in done.err
