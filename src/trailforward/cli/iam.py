"""``trailforward iam``: prints the least-privilege policy that a configuration needs."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailforward.cli._options import ConfigOption, To, load_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.config import Config

#: Sink type → the Sid of the statement, and the action that sending needs.
_SEND = {
    "kinesis": ("Kinesis", "kinesis:PutRecords"),
    "firehose": ("Firehose", "firehose:PutRecordBatch"),
    "sns": ("Sns", "sns:Publish"),
    "sqs": ("Sqs", "sqs:SendMessage"),
    "eventbridge": ("EventBridge", "events:PutEvents"),
    "eventbridge-v2": ("EventBridgeV2", "events:PutRawEvents"),
    "s3": ("S3", "s3:PutObject"),
    "securityhub": ("SecurityHub", "securityhub:BatchImportFindings"),
    "lambda": ("Lambda", "lambda:InvokeFunction"),
    "stepfunctions": ("StepFunctions", "states:StartExecution"),
}
#: Signing name → what the API behind a URL needs, whose ARN the URL does not contain.
_SIGNED = {
    "aoss": "aoss:APIAccessAll on the collection, and aoss:WriteDocument in its data access policy",
    "es": "es:ESHttpPost on the domain: arn:aws:es:REGION:ACCOUNT:domain/NAME/*",
}
_SOURCE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]
_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
_TRACING = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
#: For a function in a VPC. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
_VPC = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]
#: The permissions are for Lambda, which calls before the function runs, not for the function's code.
_VPC_NOT_BY_CODE: dict[str, Any] = {
    "Sid": "VpcNotByCode",
    "Effect": "Deny",
    "Action": _VPC,
    "Resource": "*",
    "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
}

#: The suffix that Secrets Manager appends to the name of a secret in its full ARN.
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


def iam(  # noqa: PLR0913, PLR0917  # the options of a command
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[doctor|daily-doctor|canary|tail|cost [ROLE]...]",
            help="Print the policy for `trailforward doctor`, for the function that runs it every day, for a "
            "role of the stack's canary, for `trailforward tail`, or for `cost --prices aws` instead. "
            "ROLE: the ARN of an IAM role that it assumes in another account.",
        ),
    ] = None,
    to: To = None,
    config: ConfigOption = None,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="ARN", help="A queue that is an event source of the function. Repeatable."),
    ] = None,
    log_group: Annotated[
        str | None, typer.Option(metavar="ARN", help="The log group of the function.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="ARN", help="A KMS key that encrypts any of these. Repeatable."),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option(metavar="ARN", help="daily-doctor: the bucket for snapshots and reports."),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(metavar="ARN", help="daily-doctor: the SNS topic that it notifies.")
    ] = None,
    tracing: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--tracing", help="The function records traces with X-Ray.")
    ] = False,
    vpc: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--vpc", help="The function is in a VPC.")
    ] = False,
) -> None:
    """Print the IAM policy that a configuration needs: exact actions on exact ARNs.

    Exit status: 0 the policy was printed, 2 the options or the configuration are invalid.
    """
    if what and what[0] == "daily-doctor":
        _daily_doctor(what[1:], bucket, topic, log_group, key or ())
        return
    if what:
        _tool(*what)
        return
    loaded = load_config(config, to)
    document, notes = policy(
        loaded.config,
        where=loaded.where,
        sources=source or (),
        log_group=log_group,
        keys=key or (),
        tracing=tracing,
        vpc=vpc,
    )
    for note in notes:
        typer.echo(note, err=True)
    typer.echo(json.dumps(document, indent=2))


def _tool(what: str, *roles: str) -> None:
    if what == "doctor":
        from trailforward.doctor.discover import policy as needed

        document = needed(roles)
    elif what == "canary":
        from trailforward.doctor.canary import policy as calling

        document = calling(roles=roles)
    elif what == "tail" and not roles:
        from trailforward.tail.taps import policy as tapping

        document = tapping()
    elif what == "cost" and not roles:
        from trailforward.pricing.aws_prices import policy as pricing

        document = pricing()
    else:
        typer.echo(
            f"There is no policy for {' '.join([what, *roles])}. "
            "Use `trailforward iam doctor`, `daily-doctor`, `canary`, `tail`, or `cost`, or no argument.",
            err=True,
        )
        raise typer.Exit(2)
    typer.echo(json.dumps(document, indent=2))


def _daily_doctor(
    roles: Sequence[str], bucket: str | None, topic: str | None, log_group: str | None, keys: Sequence[str]
) -> None:
    from trailforward.doctor.daily import daily_policy

    if not bucket:
        typer.echo("Give the bucket for snapshots and reports: --bucket arn:aws:s3:::NAME", err=True)
        raise typer.Exit(2)
    needed = daily_policy(roles, bucket=bucket, topic=topic or "", log_group=log_group or "", keys=keys)
    typer.echo(json.dumps(needed, indent=2))


def policy(  # noqa: PLR0913  # one for each option of the command
    config: Config,
    *,
    where: str = "",
    sources: Iterable[str] = (),
    log_group: str | None = None,
    keys: Iterable[str] = (),
    tracing: bool = False,
    vpc: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Returns the policy document, and notes on permissions that it cannot grant exactly.

    Args:
        config: the configuration of the function.
        where: the value of ``TRAILFORWARD_CONFIG``, which the function may have to read from AWS.
        sources: ARNs of queues that are event sources of the function; the retry queue is added.
        log_group: ARN of the log group of the function.
        keys: ARNs of KMS keys that encrypt queues, destinations, or secrets.
        tracing: the function records traces with X-Ray.
        vpc: the function is in a VPC.
    """
    from trailforward import sinks

    pipeline = config.pipeline
    retry = [pipeline.retry_queue] if pipeline.retry_queue else []
    dead = [queue for queue in [pipeline.dead_letter] if queue and queue.startswith("arn:")]
    notes: list[str] = []
    wanted: list[tuple[str, list[str], list[str]]] = [
        ("Sources", _SOURCE, [*sources, *retry]),
        ("DeadLettersAndRetries", ["sqs:SendMessage"], [*dead, *retry]),
        ("Logs", _LOGS, [f"{log_group.removesuffix(':*')}:*"] if log_group else []),
    ]
    for kind, (sid, action) in _SEND.items():
        named = [settings.to for settings in config.sinks.values() if sinks.type_of(settings.to) == kind]
        if kind == "s3":
            named = [_objects(settings) for settings in config.sinks.values() if settings.to in named]
            if pipeline.dead_letter_bucket:
                named.append(_objects(sinks.load("s3").Settings(to=pipeline.dead_letter_bucket)))
        wanted.append((sid, [action], named))
    groups = [settings.to for settings in config.sinks.values() if sinks.type_of(settings.to) == "logs"]
    buses = [settings.to for settings in config.sinks.values() if getattr(settings, "check_bus", False)]
    wanted.append(("LogGroups", _LOGS, [f"{group.removesuffix(':*')}:*" for group in groups]))
    wanted.append(("BusIsThere", ["events:DescribeEventBus"], buses))
    wanted.append(("State", ["dynamodb:GetItem", "dynamodb:PutItem"], [pipeline.state or ""]))
    if pipeline.receipts is not None:
        given = pipeline.receipts.destination
        action = _SEND[sinks.type_of(given.to) or ""][1]
        wanted.append(("Receipts", [action], [_objects(given) if action == "s3:PutObject" else given.to]))
    secrets, parameters = _secrets(config, notes)
    wanted += [
        ("Secrets", ["secretsmanager:GetSecretValue"], secrets),
        ("SecretParameters", ["ssm:GetParameter"], parameters),
        *_configuration(where, _partition(config), notes),
        ("Keys", _KEY, list(keys)),
        ("Tracing", _TRACING, ["*"] if tracing else []),
        ("Vpc", _VPC, ["*"] if vpc else []),
    ]
    statements: list[dict[str, Any]] = [
        {"Sid": sid, "Effect": "Allow", "Action": _short(actions), "Resource": _short(arns)}
        for sid, actions, arns in wanted
        if any(arns)
    ]
    if vpc:
        statements.append(_VPC_NOT_BY_CODE)
    if not statements:
        notes.append("This configuration does not need any permission.")
    return {"Version": "2012-10-17", "Statement": statements}, notes


def _objects(settings: Any) -> str:
    """Returns the ARN pattern of the objects that an S3 sink writes."""
    return f"{settings.resource}/{settings.prefix}*"


def _secrets(config: Config, notes: list[str]) -> tuple[list[str], list[str]]:
    """Returns the ARNs of secrets, and of SSM parameters that contain secrets."""
    from trailforward.aws.secrets import Reference

    secrets, parameters = [], []
    for name, settings in config.sinks.items():
        for text in settings.references.values():
            arn = Reference.parse(text).arn
            if arn.service == "ssm":
                parameters.append(str(arn))
            elif _SUFFIX.search(arn.resource):
                secrets.append(str(arn))
            else:
                secrets.append(f"{arn}-??????")
                note = (
                    f"sinks.{name}: the ARN of the secret has no six-character suffix, so the policy allows "
                    "any suffix. Write the full ARN to make the policy exact."
                )
                notes += [note] if note not in notes else []
        auth: Any = getattr(settings, "authentication", None)
        if getattr(auth, "type", "") == "sigv4":
            notes.append(
                f"sinks.{name}: auth type sigv4 needs permission for the API behind the URL. Add it yourself "
                f"({_SIGNED.get(auth.service, 'execute-api:Invoke, es:ESHttpPost, …')})."
            )
    return secrets, parameters


def _partition(config: Config) -> str:
    """Returns the partition of the ARNs in the configuration."""
    from trailforward.pipeline.forwarder import resources

    return next((arn.split(":")[1] for arn in resources(config)), "aws")


def _configuration(where: str, partition: str, notes: list[str]) -> list[tuple[str, list[str], list[str]]]:
    """Returns the statement for reading the configuration itself, if it is stored in AWS."""
    if where.startswith("s3://"):
        from trailforward.config.fetch import object_of

        place = object_of(where)
        return [("Configuration", ["s3:GetObject"], [f"arn:{partition}:s3:::{place}"])]
    if not where.startswith("ssm:"):
        return []
    name = where.removeprefix("ssm:")
    if not name.startswith("arn:"):
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "*"
        name = f"arn:{partition}:ssm:{region}:*:parameter/{name.removeprefix('/')}"
        notes.append(
            "TRAILFORWARD_CONFIG does not name the account of the parameter, so the policy allows any. "
            "Write ssm:ARN to make the policy exact."
        )
    return [("Configuration", ["ssm:GetParameter"], [name])]


def _short(texts: list[str]) -> str | list[str]:
    """Removes duplicates, and returns a single string instead of a list of one."""
    unique = list(dict.fromkeys(texts))
    return unique[0] if len(unique) == 1 else unique
