"""The models of a snapshot's organization, buses, rules, roles, and resources.

JSON that AWS defines keeps AWS's own keys. Where something was read only in part, ``unread`` says which
fields are missing and why; any text may hold a value that is not known (``unknown.py``).
"""

from typing import Any, Literal

from pydantic import Field

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


class KeyPolicy(SnapshotModel):
    """A KMS key policy.

    Attributes:
        statements: the statements.
        principals: services that may use the key, in addition to ``statements``.
        actions: what they may use it for.
    """

    statements: tuple[Statement, ...] = ()
    principals: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class Encryption(SnapshotModel):
    """How a queue, topic, stream, or bus is encrypted.

    Attributes:
        type: ``sqs-managed`` (the default), ``aws-managed-key`` or ``customer-key``.
        key: the key's ARN; empty if not known.
        key_policy: the key policy. None: not read.
        key_state: ``KeyState`` of DescribeKey: ``Enabled``, ``Disabled`` … None: not read.
    """

    type: str = "sqs-managed"
    key: str = ""
    key_policy: KeyPolicy | None = None
    key_state: str | None = None


class Bus(SnapshotModel):
    """An event bus with its resource policy. A default bus is listed only if it has a policy or a key.

    ``encryption`` is None if the bus has no customer managed key; ``dlq`` is the ARN of the bus's dead-letter
    queue, empty if it has none, and None if that is not known; ``unread`` names the fields that could not be
    read, with the reason.
    """

    account: str
    region: str
    name: str
    policy: tuple[Statement, ...] = ()
    encryption: Encryption | None = None
    dlq: str | None = None
    unread: dict[str, str] = Field(default_factory=dict)


class Target(SnapshotModel):
    """One target of a rule.

    Attributes:
        id: the target's ID within the rule.
        arn: the ARN of the bus, queue, function, stream or topic.
        role: the ARN of the role that EventBridge assumes.
        dlq: the ARN of the dead-letter queue.
        input: the constant that the target receives instead of the event.
        input_path: the part of the event that the target receives.
        input_transformer: ``InputTransformer``, which makes a new text from parts of the event.
        message_group_id: ``SqsParameters.MessageGroupId``, for FIFO queues.
    """

    id: str
    arn: str
    role: str | None = None
    dlq: str | None = None
    input: str | None = None
    input_path: str | None = None
    input_transformer: dict[str, Any] | None = None
    message_group_id: str | None = None


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
        role: ``RoleArn`` of the rule, for targets without a role.
        managed_by: ``ManagedBy``, the AWS service that made the rule.
        unread: ``targets``, if they could not be read, to the reason.
    """

    name: str
    account: str
    region: str
    bus: str
    state: str
    pattern: dict[str, Any] | str | None = None
    targets: tuple[Target, ...] = ()
    role: str | None = None
    managed_by: str | None = None
    unread: dict[str, str] = Field(default_factory=dict)


class Permission(SnapshotModel):
    """One permission of a role; ``*`` is a wildcard in actions and resources."""

    action: str | tuple[str, ...]
    resource: str | tuple[str, ...] = "*"
    condition: dict[str, Any] | None = None


class Role(SnapshotModel):
    """An IAM role.

    Attributes:
        arn: the ARN, with the role's path.
        trust: the statements of the trust policy. A text is a service that may assume the role.
        statements: the statements of the role's own policies, inline and managed.
        allow: permissions, in addition to ``statements``.
        deny: denied permissions, in addition to ``statements``.
        boundary: the ARN of the permissions boundary.
        limits: the statements of the permissions boundary; None if they are not known.
        unread: ``trust`` or ``policies``, if they could not be read in full, to the reason.
    """

    arn: str
    trust: tuple[str | Statement, ...] = ()
    statements: tuple[Statement, ...] = ()
    allow: tuple[Permission, ...] = ()
    deny: tuple[Permission, ...] = ()
    boundary: str | None = None
    limits: tuple[Statement, ...] | None = None
    unread: dict[str, str] = Field(default_factory=dict)


class Subscription(SnapshotModel):
    """A confirmed subscription of a topic.

    Attributes:
        endpoint: the ARN of the queue, function, or delivery stream.
        filter_policy: the filter policy, as a dict or as JSON text. None: every message passes.
        filter_policy_scope: ``MessageAttributes`` (the default) or ``MessageBody``.
        unread: ``filterPolicy``, if it could not be read, to the reason.
    """

    endpoint: str
    filter_policy: dict[str, Any] | str | None = None
    filter_policy_scope: str = "MessageAttributes"
    unread: dict[str, str] = Field(default_factory=dict)


class ApiDestination(SnapshotModel):
    """The states of an API destination, as AWS writes them; None: not known.

    Attributes:
        state: ``ACTIVE``, ``INACTIVE``, or ``MISSING`` if AWS says that it does not exist.
        connection: the name of its connection; empty if not known.
        connection_state: ``AUTHORIZED``, ``DEAUTHORIZED`` …
        reason: why the connection is in this state, in AWS's words.
    """

    state: str | None = None
    connection: str = ""
    connection_state: str | None = None
    reason: str = ""


class Resource(SnapshotModel):
    """An existing queue, topic, function or stream that can receive events.

    Attributes:
        arn: the ARN.
        policy: the statements of the resource policy.
        fifo: whether it is a FIFO queue or topic. None: not known.
        content_based_deduplication: of a FIFO queue. None: not known.
        encryption: None is the service's default.
        subscriptions: for a topic, its subscriptions; a text is the ARN of a queue that receives every
            message. None: not a topic, or not read.
        pipes: the names of the pipes that read from a queue or stream; only of destinations.
        api_destination: the states of an API destination. None: not one, or not read.
        unread: ``policy``, ``encryption``, ``subscriptions`` or ``pipes``, if not read, to the reason.
    """

    arn: str
    policy: tuple[Statement, ...] = ()
    fifo: bool | None = False
    content_based_deduplication: bool | None = None
    encryption: Encryption | None = None
    subscriptions: tuple[str | Subscription, ...] | None = None
    pipes: tuple[str, ...] = ()
    api_destination: ApiDestination | None = None
    unread: dict[str, str] = Field(default_factory=dict)


class Own(SnapshotModel):
    """ARNs of the pipeline's own roles and resources, whose calls must not feed the pipeline again."""

    roles: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


#: The kind of thing that an :class:`Unseen` is about; ``*`` is everything.
What = Literal["trails", "rules", "buses", "roles", "resources", "organization", "*"]


class Unseen(SnapshotModel):
    """Something that could not be read, so its absence proves nothing.

    Attributes:
        account: the account ID, or ``*``.
        region: the Region, or ``*``.
        what: the kind of thing.
        why: the reason, such as ``AccessDenied``.
        about: the ARN of the only role or resource that could not be read; empty if it may be any.
    """

    account: str = "*"
    region: str = "*"
    what: What = "*"
    why: str = "not read"
    about: str = ""


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
