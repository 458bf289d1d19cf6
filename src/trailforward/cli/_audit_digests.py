"""``--digests`` of ``trailforward audit``."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

import typer

from trailforward.audit.digest_keys import AwsKeys, FileKeys
from trailforward.audit.digest_state import KeptChecks
from trailforward.audit.digests import check_digests
from trailforward.audit.places import open_place
from trailforward.audit.plan import DIGESTS
from trailforward.storage import Location

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trailforward.audit.digest_report import DigestReport
    from trailforward.audit.run import Audit


def check(
    wanted: Audit,
    public_keys: Path | None,
    original: str,
    show: Callable[[str, int, int], None],
    state: Path | None = None,
) -> DigestReport:
    """Checks the digests of an audit's window.

    Args:
        wanted: what is audited.
        public_keys: a file of public keys; None to ask AWS.
        original: where CloudTrail wrote the files, if the trail is a copy; else empty.
        show: gets the progress.
        state: the folder of an audit that can be stopped; None for another one.

    Raises:
        AuditError: the file of keys is invalid.
        MissingExtraError: botocore is not installed, and keys come from AWS.
        StorageError: the trail cannot be listed, or ``original`` is not a location.
    """
    keys = FileKeys(public_keys) if public_keys is not None else AwsKeys()
    kept = None
    if state is not None:
        about = sha256(public_keys.read_bytes()).hexdigest() if public_keys is not None else "aws"
        kept = KeptChecks(state / DIGESTS, about)
    return check_digests(
        open_place(wanted.trail),
        wanted.since,
        wanted.until,
        wanted.accounts,
        wanted.regions,
        keys,
        original=Location.parse(original) if original else None,
        now=wanted.now,
        show=show,
        kept=kept,
    )


def stop_with(text: str, found: DigestReport | None) -> NoReturn:
    """Stops an audit that cannot be made; whoever deletes all log files must not hide what digests say."""
    typer.echo(text, err=True)
    for one in found.findings if found is not None else ():
        typer.echo(f"{one.severity}: {one.code} {one.account} {one.region} {one.key}: {one.text}", err=True)
    raise typer.Exit(1 if found is not None and found.exit_code == 1 else 2)
