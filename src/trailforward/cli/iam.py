"""``trailforward iam``: the least that the function's role must be allowed, by its configuration."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailforward.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.config import Config

#: Sink type → the statement's name and the action that sending needs.
_SEND = {
    "kinesis": ("Kinesis", "kinesis:PutRecords"),
    "firehose": ("Firehose", "firehose:PutRecordBatch"),
    "sns": ("Sns", "sns:Publish"),
    "sqs": ("Sqs", "sqs:SendMessage"),
    "eventbridge": ("EventBridge", "events:PutEvents"),
    "s3": ("S3", "s3:PutObject"),
}
_SOURCE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]
_LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]

#: What Secrets Manager appends to a secret's name, in its full ARN.
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


def iam(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[doctor [ROLE]...]",
            help="doctor: what `trailforward doctor` needs, and the ARNs of roles it takes elsewhere.",
        ),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ARN|URL", help="A destination; may be given several times."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="PATH",
            help="A trailforward.toml; also ssm:NAME, s3://…. Without --to and --config: the environment.",
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="ARN", help="A queue that feeds the function; may be given several times."),
    ] = None,
    log_group: Annotated[
        str | None, typer.Option(metavar="ARN", help="The log group that the function writes to.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="ARN", help="A KMS key of any of these; may be given several times."),
    ] = None,
) -> None:
    """Print the IAM policy that a configuration needs: exact actions on exact ARNs."""
    from trailforward.config import Config

    if what:
        _doctor(*what)
        return
    if to and config:
        typer.echo("Give --to or --config, not both.", err=True)
        raise typer.Exit(2)
    environ: Mapping[str, str] = os.environ
    if config:
        environ = {**os.environ, "TRAILFORWARD_TO": "", "TRAILFORWARD_CONFIG": config}
    try:
        made = Config.to(*to) if to else Config.from_env(environ)
    except (ConfigError, MissingExtraError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    where = "" if to else environ.get("TRAILFORWARD_CONFIG", "").strip()
    document, notes = policy(made, where=where, sources=source or (), log_group=log_group, keys=key or ())
    for note in notes:
        typer.echo(note, err=True)
    typer.echo(json.dumps(document, indent=2))


def _doctor(what: str, *roles: str) -> None:
    from trailforward.doctor.discover import policy as needed

    if what != "doctor":
        typer.echo(f"There is no policy for {what}: `trailforward iam doctor`, or no argument.", err=True)
        raise typer.Exit(2)
    typer.echo(json.dumps(needed(roles), indent=2))


def policy(
    config: Config,
    *,
    where: str = "",
    sources: Iterable[str] = (),
    log_group: str | None = None,
    keys: Iterable[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """The policy document, and what it cannot say or only roughly.

    Args:
        config: what is sent where.
        where: the value of ``TRAILFORWARD_CONFIG``; matters if the function reads it from AWS.
        sources: ARNs of queues that feed the function; the retry queue is added.
        log_group: ARN of the function's log group.
        keys: ARNs of KMS keys that queues, destinations or secrets are encrypted with.
    """
    from trailforward import sinks

    pipeline = config.pipeline
    retry = [pipeline.retry_queue] if pipeline.retry_queue else []
    dead = [queue for queue in [pipeline.dead_letter] if queue and queue.startswith("arn:")]
    notes: list[str] = []
    wanted: list[tuple[str, list[str], list[str]]] = [
        ("Sources", _SOURCE, [*sources, *retry]),
        ("HandBack", ["sqs:SendMessage"], [*dead, *retry]),
        ("Logs", _LOGS, [f"{log_group.removesuffix(':*')}:*"] if log_group else []),
    ]
    for kind, (sid, action) in _SEND.items():
        named = [settings.to for settings in config.sinks.values() if sinks.type_of(settings.to) == kind]
        if kind == "s3":
            named = [_objects(settings) for settings in config.sinks.values() if settings.to in named]
        wanted.append((sid, [action], named))
    groups = [settings.to for settings in config.sinks.values() if sinks.type_of(settings.to) == "logs"]
    buses = [settings.to for settings in config.sinks.values() if getattr(settings, "check_bus", False)]
    wanted.append(("LogGroups", _LOGS, [f"{group.removesuffix(':*')}:*" for group in groups]))
    wanted.append(("BusIsThere", ["events:DescribeEventBus"], buses))
    secrets, parameters = _secrets(config, notes)
    wanted += [
        ("Secrets", ["secretsmanager:GetSecretValue"], secrets),
        ("SecretParameters", ["ssm:GetParameter"], parameters),
        *_configuration(where, _partition(config), notes),
        ("Keys", _KEY, list(keys)),
    ]
    statements = [
        {"Sid": sid, "Effect": "Allow", "Action": _short(actions), "Resource": _short(arns)}
        for sid, actions, arns in wanted
        if arns
    ]
    if not statements:
        notes.append("This configuration needs no permission at all.")
    return {"Version": "2012-10-17", "Statement": statements}, notes


def _objects(settings: Any) -> str:
    """The objects that an S3 sink writes."""
    return f"{settings.resource}/{settings.prefix}*"


def _secrets(config: Config, notes: list[str]) -> tuple[list[str], list[str]]:
    """ARNs of secrets, and of parameters that hold secrets."""
    from trailforward.aws.secrets import Reference

    secrets, parameters = [], []
    for name, settings in config.sinks.items():
        auth = getattr(settings, "authentication", None)
        text = getattr(auth, "secret", None)
        if text is not None:
            arn = Reference.parse(text).arn
            if arn.service == "ssm":
                parameters.append(str(arn))
            elif _SUFFIX.search(arn.resource):
                secrets.append(str(arn))
            else:
                secrets.append(f"{arn}-??????")
                notes.append(
                    f"sinks.{name}: the secret's ARN lacks the six characters at its end, so any six are "
                    "granted. Write the full ARN to be exact."
                )
        elif auth is not None:
            notes.append(
                f"sinks.{name}: auth = sigv4 needs permission for the API behind the URL, which only you can "
                "name (execute-api:Invoke, es:ESHttpPost, …)."
            )
    return secrets, parameters


def _partition(config: Config) -> str:
    """The partition that the configuration's ARNs lie in."""
    from trailforward.pipeline.forwarder import resources

    return next((arn.split(":")[1] for arn in resources(config)), "aws")


def _configuration(where: str, partition: str, notes: list[str]) -> list[tuple[str, list[str], list[str]]]:
    """Reading the configuration itself, where it lies in AWS."""
    if where.startswith("s3://"):
        place = where.removeprefix("s3://")
        return [("Configuration", ["s3:GetObject"], [f"arn:{partition}:s3:::{place}"])]
    if not where.startswith("ssm:"):
        return []
    name = where.removeprefix("ssm:")
    if not name.startswith("arn:"):
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "*"
        name = f"arn:{partition}:ssm:{region}:*:parameter/{name.removeprefix('/')}"
        notes.append("The parameter's account is not named, so any is granted. Write ssm:ARN to be exact.")
    return [("Configuration", ["ssm:GetParameter"], [name])]


def _short(texts: list[str]) -> str | list[str]:
    """A single text as such, as people write policies; each only once."""
    unique = list(dict.fromkeys(texts))
    return unique[0] if len(unique) == 1 else unique
