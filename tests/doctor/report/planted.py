"""A world with many Regions and a few accounts, with planted faults for a report to show."""

from typing import Any

from tests.doctor.worlds import LONG, allow, role, rule, trail

HUB, PAYMENTS, STAGING, SANDBOX, UNREAD = (
    "111122223333",
    "123456789012",
    *(f"{123456789012 + number}" for number in (1, 2, 3)),
)
HOME = "us-east-1"
REGIONS = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
QUEUE = f"arn:aws:sqs:{HOME}:{HUB}:trailforward"
BUS = f"arn:aws:events:{HOME}:{HUB}:event-bus/security"
EVERYTHING = {
    "advanced": [
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            ]
        },
    ]
}


def regional(account: str, region: str, **more: Any) -> dict[str, Any]:
    """The rule that forwards events of one account and Region to the hub."""
    dlq = f"arn:aws:sqs:{region}:{account}:trailforward-dlq"
    given = {"role": f"arn:aws:iam::{account}:role/trailforward", "dlq": dlq}
    target = {key: value for key, value in {**given, **more.pop("target", {})}.items() if value}
    return rule(
        BUS,
        target=target,
        name="trailforward",
        account=account,
        region=region,
        **{"state": LONG, **more},
    )


def sound(accounts: tuple[str, ...] = (HUB, PAYMENTS, STAGING), regions: Any = REGIONS) -> dict[str, Any]:
    """A world without faults: an organization trail, a rule everywhere, one bus and one queue."""
    places = [(account, region) for account in accounts for region in regions]
    dead = [f"arn:aws:sqs:{region}:{account}:trailforward-dlq" for account, region in places]
    return {
        "organization": {"id": "o-example0000", "management": HUB, "accounts": list(accounts)},
        "accounts": {account: dict.fromkeys(regions, "ENABLED_BY_DEFAULT") for account in accounts},
        "trails": [trail(name="organization", account=HUB, organization=True, selectors=EVERYTHING)],
        "rules": [
            *(regional(account, region) for account, region in places),
            rule(
                QUEUE,
                name="to-queue",
                account=HUB,
                region=HOME,
                bus="security",
                state=LONG,
                target={"dlq": dead[[*places].index((HUB, HOME))]},
            ),
        ],
        "buses": [{"account": HUB, "region": HOME, "name": "security", "policy": [allow(BUS, "*")]}],
        "roles": [role(f"arn:aws:iam::{account}:role/trailforward") for account in accounts],
        "resources": [{"arn": arn, "policy": [allow(arn)]} for arn in (QUEUE, *dead)],
        "destinations": [QUEUE],
    }


def planted() -> dict[str, Any]:
    """The same world with faults, each described by the comment beside it."""
    world = sound((HUB, PAYMENTS, STAGING, SANDBOX))
    world["organization"]["accounts"].append(UNREAD)  # an account that was not read
    world["accounts"][SANDBOX]["eu-west-2"] = "ENABLING"  # a Region that is being enabled
    rules = {(rule["account"], rule["region"], rule["name"]): rule for rule in world["rules"]}

    def of(account: str, region: str) -> dict[str, Any]:
        rule: dict[str, Any] = rules[account, region, "trailforward"]
        return rule

    for account in (HUB, PAYMENTS, STAGING, SANDBOX):  # no rule in two Regions
        for region in ("ap-northeast-3", "eu-west-3"):
            world["rules"].remove(of(account, region))
    for region in REGIONS:  # read-only events of one account are excluded
        of(STAGING, region)["state"] = "ENABLED"
    of(PAYMENTS, "sa-east-1")["state"] = "DISABLED"
    of(SANDBOX, "us-west-1")["pattern"] = {"source": ["aws.ec2"]}
    of(PAYMENTS, "eu-central-1")["targets"][0]["role"] = f"arn:aws:iam::{PAYMENTS}:role/removed"
    for region in ("us-west-2", "eu-north-1"):
        del of(HUB, region)["targets"][0]["dlq"]
    return world


def wide(accounts: int, regions: int) -> dict[str, Any]:
    """A world without faults with many accounts and Regions."""
    names = [HOME, *(f"xx-test-{number}" for number in range(1, regions))]
    return sound((*(f"{10**11 + number}" for number in range(accounts - 1)), HUB), names)
