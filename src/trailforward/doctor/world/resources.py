"""The models of a snapshot's contents. JSON that AWS defines keeps AWS's own keys."""

from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_pascal

from trailforward.doctor.world.base import SnapshotModel

#: A policy statement as AWS writes it: Effect, Principal, Action, Resource, Condition.
Statement = dict[str, Any]


class Organization(SnapshotModel):
    """An AWS organization.

    Attributes:
        id: ``o-...``.
        management: the management account's ID.
        accounts: IDs of all members, including the management account.
    """

    id: str = ""
    management: str = ""
    accounts: tuple[str, ...] = ()


class AwsModel(SnapshotModel):
    """A model in AWS's own JSON, whose keys begin with a capital letter."""

    model_config = ConfigDict(alias_generator=to_pascal)


class DataResource(AwsModel):
    """The resources of one type that a basic selector includes."""

    type: str
    values: tuple[str, ...] = ()


class BasicSelector(AwsModel):
    """A basic event selector.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html
    """

    read_write_type: str = "All"
    include_management_events: bool = True
    data_resources: tuple[DataResource, ...] = ()
    exclude_management_event_sources: tuple[str, ...] = ()


class FieldSelector(AwsModel):
    """One field condition of an advanced event selector.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
    """

    field: str
    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    not_equals: tuple[str, ...] = ()
    not_starts_with: tuple[str, ...] = ()
    not_ends_with: tuple[str, ...] = ()


class AdvancedSelector(AwsModel):
    """An advanced event selector; its name has no effect."""

    name: str = ""
    field_selectors: tuple[FieldSelector, ...] = ()


class Selectors(SnapshotModel):
    """The event selectors of a trail, basic or advanced. With neither, the default applies.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """

    basic: tuple[BasicSelector, ...] = ()
    advanced: tuple[AdvancedSelector, ...] = ()


class Trail(SnapshotModel):
    """A CloudTrail trail.

    Attributes:
        name: the trail's name.
        account: the owner; for an organization trail, the management or delegated administrator account.
        home: the home Region.
        multi_region: ``IsMultiRegionTrail``.
        organization: ``IsOrganizationTrail``.
        logging: ``IsLogging`` of GetTrailStatus.
        global_events: ``IncludeGlobalServiceEvents``.
        selectors: None is the default: all management events and nothing else.
        insights: the enabled types of Insights.
        delivery_error: ``LatestDeliveryError``, or None.
    """

    name: str
    account: str
    home: str
    multi_region: bool
    organization: bool
    logging: bool
    global_events: bool
    selectors: Selectors | None
    insights: tuple[str, ...] = ()
    delivery_error: str | None = None


class EventDataStore(SnapshotModel):
    """A CloudTrail Lake event data store: not a trail, and not documented to feed EventBridge."""

    name: str = ""
    account: str = ""
    multi_region: bool = False


class Bus(SnapshotModel):
    """An event bus with its resource policy. A default bus is listed only if it has a policy."""

    account: str
    region: str
    name: str
    policy: tuple[Statement, ...] = ()


class Target(SnapshotModel):
    """One target of a rule.

    Attributes:
        id: the target's ID within the rule.
        arn: the ARN of the bus, queue, function, stream or topic.
        role: the ARN of the role that EventBridge assumes.
        dlq: the ARN of the dead-letter queue.
    """

    id: str
    arn: str
    role: str | None = None
    dlq: str | None = None


class Rule(SnapshotModel):
    """An EventBridge rule.

    Attributes:
        name: the rule's name.
        account: the account that owns the bus.
        region: the Region of the bus.
        bus: ``default``, or the name of a custom bus.
        state: ``ENABLED``, ``ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`` or ``DISABLED``.
        pattern: the event pattern, as a dict or as JSON text; None for a rule with only a schedule.
        targets: in the order in which AWS lists them.
    """

    name: str
    account: str
    region: str
    bus: str
    state: str
    pattern: dict[str, Any] | str | None = None
    targets: tuple[Target, ...] = ()


class Permission(SnapshotModel):
    """One permission of a role; ``*`` is a wildcard in actions and resources."""

    action: str | tuple[str, ...]
    resource: str | tuple[str, ...] = "*"
    condition: dict[str, Any] | None = None


class Role(SnapshotModel):
    """An IAM role: which services may assume it (``trust``), and what it may do."""

    arn: str
    trust: tuple[str, ...] = ()
    allow: tuple[Permission, ...] = ()
    deny: tuple[Permission, ...] = ()


class KeyPolicy(SnapshotModel):
    """The services that may use a KMS key, and for which actions."""

    principals: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class Encryption(SnapshotModel):
    """How a queue or topic is encrypted: ``sqs-managed``, ``aws-managed-key`` or ``customer-key``."""

    type: str = "sqs-managed"
    key_policy: KeyPolicy | None = None


class Resource(SnapshotModel):
    """An existing queue, topic, function or stream that can receive events.

    Attributes:
        arn: the ARN.
        policy: the statements of the resource policy.
        fifo: whether it is a FIFO queue.
        encryption: None is the service's default.
        subscriptions: for a topic, the ARNs of subscribed queues. None: not a topic, or not read.
    """

    arn: str
    policy: tuple[Statement, ...] = ()
    fifo: bool = False
    encryption: Encryption | None = None
    subscriptions: tuple[str, ...] | None = None


class Own(SnapshotModel):
    """ARNs of the pipeline's own roles and resources, whose calls must not feed the pipeline again."""

    roles: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


#: The kind of thing that an :class:`Unseen` is about; ``*`` is everything.
What = Literal["trails", "rules", "buses", "roles", "resources", "*"]


class Unseen(SnapshotModel):
    """Something that could not be read, so its absence proves nothing.

    Attributes:
        account: the account ID, or ``*``.
        region: the Region, or ``*``.
        what: the kind of thing.
        why: the reason, such as ``AccessDenied``.
    """

    account: str = "*"
    region: str = "*"
    what: What = "*"
    why: str = "not read"


class SetAside(SnapshotModel):
    """An item of a snapshot that could not be understood, unchanged.

    Attributes:
        where: its position in the snapshot: ``rules[3]``.
        why: what is wrong with it.
        value: the item.
    """

    where: str
    why: str
    value: Any = None
