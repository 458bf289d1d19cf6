"""Security Hub: BatchImportFindings, into the function's own account.

Source: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.aws.errors import INVALID_INPUT_CODES, UNPARSEABLE, entry_cause, redact_values
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import Cause, EventError, PermanentError, SettingError, TransientError
from trailforward.jsontext import decode
from trailforward.sinks._aws_batches import results_by_id
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks.base import Entry

#: https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html: 100
#: findings, 240 KB each, 6 MB per call; 10 calls a second, and bursts of 30.
LIMITS = Limits(
    max_entries=100,
    max_entry_bytes=240_000,
    max_batch_bytes=6_000_000,
    batch_overhead=len('{"Findings":[]}'),
    max_concurrency=2,
)
_FORMAT = "asff"


class SecurityHubSettings(AwsSinkSettings):
    """``[sinks.NAME]`` with the ARN of the account's default product.

    Every account may import findings for this product, but only its own: ``AwsAccountId`` must be the account
    that calls.

    Attributes:
        format: ``asff``; Security Hub does not accept anything else.
    """

    service: ClassVar[str] = "securityhub"
    service_name: ClassVar[str] = "Security Hub"
    resource_type: ClassVar[str] = "product"
    resource_prefix: ClassVar[str] = "product/"
    only_own_account: ClassVar[bool] = True
    example: ClassVar[str] = "arn:aws:securityhub:us-west-2:111122223333:product/111122223333/default"

    format: str = _FORMAT

    @classmethod
    def name_shape(cls) -> str:
        """The account's own product, which it need not enable."""
        return "[0-9]{12}/default"

    @classmethod
    def check_to(cls, to: str) -> None:
        """Checks that the destination is the default product of its account.

        Raises:
            SettingError: it is not.
        """
        super().check_to(to)
        place, _, product = to.rpartition(":product/")
        if not product.startswith(place.rpartition(":")[2]):
            raise SettingError(
                "the ARN names two accounts, but an account imports findings only for its own product",
                f"write an ARN such as {cls.example}",
            )

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Rejects all formats but ``asff``."""
        super().check(format)
        if format.name != _FORMAT:
            raise SettingError(
                f"Security Hub does not accept the format {format.name!r}", f'use format = "{_FORMAT}"'
            )

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """BatchImportFindings for the product."""
        return (OwnCall("securityhub.amazonaws.com", ("BatchImportFindings",), self.to),)

    @property
    def own_findings(self) -> str:
        """The start of the IDs of the sink's findings. Security Hub sends an event about each import."""
        return f"{self.to}/trailforward/"


class SecurityHubSink(AwsSink):
    """Imports findings. Account, product, and the beginning of the ID are those of the product's ARN.

    The ID contains the event's, so a repeated delivery updates the finding.

    Args:
        settings: see :class:`SecurityHubSettings`.
        direct: False to always call through botocore.
    """

    Settings: ClassVar = SecurityHubSettings
    service: ClassVar = "securityhub"
    default_limits: ClassVar = LIMITS
    uses_fields = False

    def __init__(self, settings: SecurityHubSettings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.arn.region, direct=direct)
        self._own = {"AwsAccountId": settings.arn.account, "ProductArn": self.arn}
        self._disabled = (
            f"Security Hub is not enabled. Fix: enable Security Hub in {settings.arn.region} in the account "
            f"{settings.arn.account}"
        )
        # More than what ``_findings`` adds to an entry.
        self._added = 2 * len(self.arn) + 100

    def size(self, entry: Entry) -> int:
        """The finding in UTF-8 with everything that the sink adds to it."""
        return len(entry.data) + self._added

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one BatchImportFindings call. Security Hub can reject single findings.

        Raises:
            TransientError: throttled, or no complete response.
            PermanentError: Security Hub is not enabled, or access is denied.
        """
        rejections: list[Rejection] = []
        ids: dict[int, str] = {}
        findings: dict[str, dict[str, Any]] = {}
        for index, entry in enumerate(batch):
            try:
                finding = self._finding(entry)
            except EventError as error:
                rejections.append(
                    Rejection(index, error.code, str(error), transient=False, cause=Cause.CONTENT)
                )
                continue
            # The same event twice in a batch is one finding, because results are by ID.
            ids[index] = finding["Id"]
            findings[finding["Id"]] = finding
        failed = self._import(findings) if findings else {}
        return rejections + [_rejection(index, failed[id_]) for index, id_ in ids.items() if id_ in failed]

    def _finding(self, entry: Entry) -> dict[str, Any]:
        """The finding of an entry, as one of the sink's product.

        Raises:
            EventError: the data is not a JSON object.
        """
        finding = decode(entry.data)
        if not isinstance(finding, dict):
            raise EventError("not_json_object", "a finding must be a JSON object")
        return {**finding, **self._own, "Id": f"{self.arn}/{finding.get('Id') or entry.key}"}

    def _import(self, findings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Imports findings; returns the results of the refused ones by ID."""
        try:
            response = self._client.call("batch_import_findings", Findings=list(findings.values()))
        except PermanentError as error:
            if error.code == "InvalidAccessException":
                raise PermanentError(error.code, self._disabled) from None
            raise
        failed = results_by_id(response, "FailedFindings")
        accepted = len(findings) - len(failed.keys() & findings.keys())
        if response.get("SuccessCount") != accepted:
            raise TransientError(
                UNPARSEABLE, f"the response has no result for some of {len(findings)} findings"
            )
        return failed


def _rejection(index: int, result: dict[str, Any]) -> Rejection:
    code = str(result.get("ErrorCode") or "Unknown")
    message = redact_values(str(result.get("ErrorMessage") or ""))
    return Rejection(index, code, message, code not in INVALID_INPUT_CODES, entry_cause(code))
