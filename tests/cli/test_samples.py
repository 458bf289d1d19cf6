"""``trailforward samples``."""

from __future__ import annotations

import subprocess
import sys

from tests.support.command import piped, trailforward
from trailforward.testing import samples


def test_every_sample_is_printed_with_its_exact_bytes() -> None:
    """Without arguments, the output is every sample event as NDJSON, unchanged."""
    done = subprocess.run(
        [sys.executable, "-m", "trailforward", "samples"], capture_output=True, check=True, timeout=120
    )
    assert done.stdout == b"".join(samples.load(name) + b"\n" for name in samples.names())
    assert done.stderr == b""


def test_chosen_samples_are_printed_in_the_given_order() -> None:
    """With names, only these events are printed, in the order of the names."""
    done = piped("samples", "trail-stopped", "numbers-and-escapes", stdin=b"")
    assert done.code == 0
    assert done.out.encode() == b"".join(
        samples.load(name) + b"\n" for name in ("trail-stopped", "numbers-and-escapes")
    )


def test_the_list_has_one_line_per_sample() -> None:
    """--list prints each name with the call, the service, and the Region of the event."""
    lines = trailforward("samples", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == samples.names()
    (line,) = trailforward("samples", "--list", "trail-stopped").out.splitlines()
    assert line == "trail-stopped  StopLogging (cloudtrail.amazonaws.com) in ap-southeast-2"


def test_unknown_names_give_status_2_and_print_nothing() -> None:
    """Every unknown name is reported, with similar names or the option that lists all."""
    done = trailforward("samples", "trail-stoped", "zzz", "trail-stopped")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith("No sample is named 'trail-stoped'. Similar names: trail-stopped")
    assert second == "No sample is named 'zzz'. `trailforward samples --list` lists all."


def test_the_output_is_input_for_other_commands() -> None:
    """The samples can be matched and forwarded as they are printed."""
    events = piped("samples", stdin=b"").out.encode()
    assert piped("match", "@root-sign-in", stdin=events).code == 0
    assert piped("forward", "--to", "stdout:", stdin=events).out.encode() == events


def test_the_extra_cli_is_enough() -> None:
    """The command does not need boto3, Powertools, pytest, Hypothesis, or moto."""
    others = ("boto3", "botocore", "aws_lambda_powertools", "pytest", "hypothesis", "moto", "flask")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({others!r}));"
        "sys.argv = ['trailforward', 'samples', '--list'];"
        "from trailforward.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
