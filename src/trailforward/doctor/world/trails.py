"""The models of trails and their event selectors. JSON that AWS defines keeps AWS's own keys."""

from pydantic import Field

from trailforward.doctor.world.base import AwsModel, SnapshotModel


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


class InsightSelector(AwsModel):
    """One type of Insights that a trail logs, and for which events: ``Management``, ``Data``, or both.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_InsightSelector.html
    """

    insight_type: str
    event_categories: tuple[str, ...] = ()


class Trail(SnapshotModel):
    """A CloudTrail trail. A flag that is None is unknown.

    Attributes:
        name: the trail's name.
        account: the owner; for an organization trail, the management or delegated administrator account.
        home: the home Region.
        multi_region: ``IsMultiRegionTrail``.
        organization: ``IsOrganizationTrail``.
        logging: ``IsLogging`` of GetTrailStatus.
        global_events: ``IncludeGlobalServiceEvents``.
        selectors: None is the default: all management events and nothing else.
        insights: the enabled Insights; a type alone means those of management events.
        delivery_error: ``LatestDeliveryError``, or None.
        recursive_logging: ``RecursiveLogging``; if False, the trail leaves out CloudTrail's own calls that
            write its log files. None: not known; AWS's default is True.
        bucket: the S3 bucket that CloudTrail writes to; empty if not known.
        log_group: the ARN of the log group that CloudTrail writes to; empty if there is none.
        unread: field to the reason why it could not be read: ``{"selectors": "AccessDenied"}``;
            ``dataSelectors`` are those for all but management events.
    """

    name: str
    account: str
    home: str
    multi_region: bool | None
    organization: bool | None
    logging: bool | None
    global_events: bool | None
    selectors: Selectors | None
    insights: tuple[str | InsightSelector, ...] = ()
    delivery_error: str | None = None
    recursive_logging: bool | None = None
    bucket: str = ""
    log_group: str = ""
    unread: dict[str, str] = Field(default_factory=dict)


class EventDataStore(SnapshotModel):
    """A CloudTrail Lake event data store: not a trail, and not documented to feed EventBridge."""

    name: str = ""
    account: str = ""
    multi_region: bool = False
