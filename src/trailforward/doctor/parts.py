"""The parts of a World: what stands in accounts and Regions. AWS's own JSON stays as AWS writes it."""

from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_pascal

from trailforward.doctor.base import Part

#: A policy statement as AWS writes it: Effect, Principal, Action, Resource, Condition.
Statement = dict[str, Any]


class Organization(Part):
    """An AWS organization.

    Attributes:
        id: ``o-...``.
        management: the management account.
        accounts: every member, the management account included.
    """

    id: str = ""
    management: str = ""
    accounts: tuple[str, ...] = ()


class AwsPart(Part):
    """A piece in AWS's own JSON, whose keys begin with a capital."""

    model_config = ConfigDict(alias_generator=to_pascal)


class DataResource(AwsPart):
    """The resources of one type that a basic selector takes."""

    type: str
    values: tuple[str, ...] = ()


class BasicSelector(AwsPart):
    """A basic event selector.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html
    """

    read_write_type: str = "All"
    include_management_events: bool = True
    data_resources: tuple[DataResource, ...] = ()
    exclude_management_event_sources: tuple[str, ...] = ()


class FieldSelector(AwsPart):
    """What an advanced selector asks of one field.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
    """

    field: str
    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    not_equals: tuple[str, ...] = ()
    not_starts_with: tuple[str, ...] = ()
    not_ends_with: tuple[str, ...] = ()


class AdvancedSelector(AwsPart):
    """An advanced event selector; its name means nothing."""

    name: str = ""
    field_selectors: tuple[FieldSelector, ...] = ()


class Selectors(Part):
    """Which events a trail takes, in one of the two forms. Neither means the default.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
    """

    basic: tuple[BasicSelector, ...] = ()
    advanced: tuple[AdvancedSelector, ...] = ()


class Trail(Part):
    """A trail.

    Attributes:
        name: its name.
        account: the owner; of an organization trail the management account or its delegate.
        home: the home Region.
        multi_region: whether it takes every enabled Region.
        organization: whether it takes every member account.
        logging: ``IsLogging`` of GetTrailStatus.
        global_events: ``IncludeGlobalServiceEvents``.
        selectors: None is AWS's default: all management events, nothing else.
        insights: the types of Insights that are on.
        delivery_error: the text of ``LatestDeliveryError``, or None.
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


class EventDataStore(Part):
    """A CloudTrail Lake event data store: no trail, and nothing says that it feeds EventBridge."""

    name: str = ""
    account: str = ""
    multi_region: bool = False


class Bus(Part):
    """An event bus, with its resource policy. A default bus is listed only if it has a policy."""

    account: str
    region: str
    name: str
    policy: tuple[Statement, ...] = ()


class Target(Part):
    """One target of a rule.

    Attributes:
        id: its id within the rule.
        arn: the bus, queue, function, stream or topic.
        role: the role that EventBridge assumes for it.
        dlq: the dead-letter queue.
    """

    id: str
    arn: str
    role: str | None = None
    dlq: str | None = None


class Rule(Part):
    """A rule.

    Attributes:
        name: its name.
        account: the owner of the bus.
        region: the Region of the bus.
        bus: ``default``, or the name of a custom bus.
        state: ``ENABLED``, ``ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`` or ``DISABLED``.
        pattern: the event pattern, as a dict or as JSON text; None for a rule with a schedule only.
        targets: in AWS's order.
    """

    name: str
    account: str
    region: str
    bus: str
    state: str
    pattern: dict[str, Any] | str | None = None
    targets: tuple[Target, ...] = ()


class Permission(Part):
    """What a role may do; ``*`` is a wildcard in both."""

    action: str | tuple[str, ...]
    resource: str | tuple[str, ...] = "*"
    condition: dict[str, Any] | None = None


class Role(Part):
    """An IAM role: who may assume it, and what it may do."""

    arn: str
    trust: tuple[str, ...] = ()
    allow: tuple[Permission, ...] = ()
    deny: tuple[Permission, ...] = ()


class KeyPolicy(Part):
    """The services that may use a key, and for what."""

    principals: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class Encryption(Part):
    """How a queue or topic is encrypted: ``sqs-managed``, ``aws-managed-key`` or ``customer-key``."""

    type: str = "sqs-managed"
    key_policy: KeyPolicy | None = None


class Resource(Part):
    """Something that exists and can get events: a queue, topic, function or stream.

    Attributes:
        arn: its ARN.
        policy: its resource policy.
        fifo: whether it is a FIFO queue.
        encryption: None is the service's default.
        subscriptions: of a topic: the queues that are subscribed. None is no topic, or one that was not read.
    """

    arn: str
    policy: tuple[Statement, ...] = ()
    fifo: bool = False
    encryption: Encryption | None = None
    subscriptions: tuple[str, ...] | None = None


class Own(Part):
    """The pipeline's own roles and resources (ARNs): what it does must not feed it."""

    roles: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


#: What an :class:`Unseen` may speak of; ``*`` is everything.
What = Literal["trails", "rules", "buses", "roles", "resources", "*"]


class Unseen(Part):
    """What could not be read, so that its absence proves nothing.

    Attributes:
        account: the account, or ``*``.
        region: the Region, or ``*``.
        what: the kind of thing.
        why: the reason, such as ``AccessDenied``.
    """

    account: str = "*"
    region: str = "*"
    what: What = "*"
    why: str = "not read"


class SetAside(Part):
    """A piece of a snapshot that could not be understood, as it came.

    Attributes:
        where: its place in the snapshot: ``rules[3]``.
        why: what is wrong with it.
        value: the piece.
    """

    where: str
    why: str
    value: Any = None
