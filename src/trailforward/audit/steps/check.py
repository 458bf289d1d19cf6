"""The first state: checks the input, and what it names, before anything is read in parallel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trailforward.audit.steps.explaining import configuration, read_world
from trailforward.audit.steps.lister import first_log_file
from trailforward.audit.steps.request import parse
from trailforward.audit.steps.run import Run, place
from trailforward.audit.steps.settings import InvalidInputError
from trailforward.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from trailforward.audit.steps.request import Request
    from trailforward.audit.steps.settings import Settings

_FORM = "%Y-%m-%dT%H:%MZ"


def check(given: Any, name: str, started: str, settings: Settings, s3: Any, seconds: float) -> dict[str, Any]:
    """Checks the input of an execution, and saves the request.

    Args:
        given: the input.
        name: of the execution.
        started: its start time.
        settings: of the stack.
        s3: a botocore client of S3.
        seconds: until this call must end.

    Returns:
        What the states after it read.

    Raises:
        InvalidInputError: the execution cannot succeed. The text has the fix.
    """
    request = parse(given, name, started, settings)
    run = Run(settings, request, s3, seconds)
    try:
        _check_region(run)
        if request.mode == "repair":
            bucket, _, key = request.missing.removeprefix("s3://").partition("/")
            if not place(f"s3://{bucket}").read(key).strip():
                raise InvalidInputError(
                    f"{request.missing} has no events. Fix: nothing, if none are missing."
                )
        else:
            _check_files(run)
        if request.mode == "audit":
            _check_delivered(request)
        if request.snapshot:
            read_world(request.snapshot)
        request = _check_config(run)
    except (StorageError, ConfigError) as error:
        raise InvalidInputError(str(error)) from None
    _save(run, request)
    return {
        "run": name,
        "mode": request.mode,
        "turn": 0,
        "results": f"{run.folder.prefix}results",
        "list": {"done": False, "cursor": {}},
        "concurrency": request.concurrency,
        "tolerated_failures": request.tolerated_failures,
        "groups_per_child": request.groups_per_child,
    }


def _check_region(run: Run) -> None:
    """The bucket must be in the Region of the functions: S3 charges for every byte that leaves its Region."""
    from botocore.exceptions import ClientError

    bucket = run.trail.location.bucket
    headers: dict[str, str] = {}
    try:
        response = run.s3.head_bucket(Bucket=bucket)
        headers = response["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        status = error.response["ResponseMetadata"].get("HTTPStatusCode")
        region = headers.get("x-amz-bucket-region", "")
        if not region or region == run.settings.region:
            what = {403: "may not be listed", 404: "does not exist"}.get(
                status or 0, f"cannot be read: {error}"
            )
            fix = (
                "set the stack's parameter TrailBucket to it, and check the policies of bucket and key"
                if status == 403  # noqa: PLR2004  # HTTP
                else "correct the name of the bucket"
            )
            raise InvalidInputError(f"The bucket {bucket} {what}. Fix: {fix}.") from None
    region = headers.get("x-amz-bucket-region", "")
    if region and region != run.settings.region:
        raise InvalidInputError(
            f"The bucket {bucket} is in {region}, and this state machine is in {run.settings.region}. Fix: "
            f"deploy the stack in {region}."
        )


def _check_files(run: Run) -> None:
    """The window must have a log file, and the function must be allowed to read it."""
    request = run.request
    found = first_log_file(run)
    if found is None:
        which = "".join(
            f" for {what} {', '.join(names)}"
            for what, names in (("account", request.accounts), ("Region", request.regions))
            if names
        )
        raise InvalidInputError(
            f"{request.trail} has no log files that CloudTrail delivered from {request.since:{_FORM}} until "
            f"{request.until:{_FORM}}{which}. Fix: choose another time, or check accounts, regions, and the "
            "stack's parameter TrailPrefix."
        )
    run.trail.read(found.key)


def _check_delivered(request: Request) -> None:
    if next(iter(place(request.other_side).list()), None) is None:
        raise InvalidInputError(
            f"{request.other_side} has no files. Fix: correct it, or the stack's parameters DeliveredBucket "
            "and DeliveredPrefix."
        )


def _check_config(run: Run) -> Request:
    """The request with the names of the sinks, if there is a configuration."""
    request = run.request
    if not run.settings.config:
        if request.mode != "audit":
            raise InvalidInputError(
                f"The mode {request.mode} needs the forwarder's configuration. Fix: set the stack's "
                "parameter ConfigurationParameter."
            )
        needs = "own_roles" if request.own_roles else "sink" if request.sink and not request.receipts else ""
        if needs:
            raise InvalidInputError(
                f"{needs} needs a configuration. Fix: set the stack's parameter ConfigurationParameter."
            )
        return request
    config = configuration()
    named = [request.sink] if request.sink else list(request.sinks)
    if unknown := [name for name in named if name not in config.sinks]:
        raise InvalidInputError(
            f"The configuration has no sink {unknown[0]}. Fix: name one of {', '.join(config.sinks)}."
        )
    return replace(request, sink_names=tuple(config.sinks))


def _save(run: Run, request: Request) -> None:
    from botocore.exceptions import ClientError

    try:
        run.folder.put_json("run.json", request.as_json())
    except ClientError as error:
        raise InvalidInputError(
            f"The report bucket {run.settings.bucket} cannot be written: {error}. Fix: check the key's "
            "policy and the permissions boundary."
        ) from None
