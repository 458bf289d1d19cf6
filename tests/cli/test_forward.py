"""``trailforward forward``, in a separate process, as users run it."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.events import envelope
from tests.support.receiver import Receiver, Status

CORPUS = os.environ.get("TRAILFORWARD_CORPUS")
RECORD = json.dumps({"eventVersion": "1.11", "eventID": "e-1", "awsRegion": "eu-west-1"}).encode()


def run(*arguments: str | Path, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the command."""
    return subprocess.run(
        [sys.executable, "-m", "trailforward", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **environ},
        check=False,
        timeout=600,
    )


def forward(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs ``trailforward forward``."""
    return run("forward", *arguments, stdin=stdin)


def test_ndjson_is_copied_byte_for_byte_and_in_order(tmp_path: Path) -> None:
    """Lines of a file arrive unchanged, and the summary accounts for every event."""
    source, target = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    lines = [envelope(0), envelope(1).replace(b":", b": "), envelope(2, note="\u2028\u0085"), RECORD]
    source.write_bytes(b"\n".join(lines) + b"\n")
    done = forward("--to", f"file:{target}", source)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == source.read_bytes()
    assert re.search(rb"file-out.ndjson +4 +4 +0 +0 +0", done.stderr)
    assert done.stdout == b""


def test_standard_input_goes_to_standard_output() -> None:
    """Without files, the command reads standard input; standard output has only data."""
    done = forward("--to", "stdout:", stdin=envelope(0) + b"\n")
    assert (done.returncode, done.stdout) == (0, envelope(0) + b"\n")


def test_a_gzipped_log_file_is_split_into_its_records(tmp_path: Path) -> None:
    """Each record of a log file arrives in an envelope, as from the function, with its exact bytes."""
    records = [b'{"eventVersion":"1.11","awsRegion":"eu-west-1","n":1.10 }', RECORD]
    source, target = tmp_path / "log.json.gz", tmp_path / "out.ndjson"
    source.write_bytes(gzip.compress(b'{"Records":[' + b" , ".join(records) + b"]}"))
    assert forward("--to", f"file:{target}", "--format", "record", source).returncode == 0
    assert target.read_bytes() == b"\n".join(records) + b"\n"
    lines = forward("--to", "stdout:", source).stdout.splitlines()
    for line, record in zip(lines, records, strict=True):
        assert line.endswith(b',"detail":' + record + b"}")
        assert json.loads(line)["source"] == "aws.cloudtrail"
    assert json.loads(lines[1])["trailforward"] == {"origin": f"{source}#1"}


def test_several_files_and_destinations_at_once(tmp_path: Path) -> None:
    """Every event of every file reaches every destination, also if two files have the same name."""
    first, second = tmp_path / "1.ndjson", tmp_path / "2.ndjson"
    first.write_bytes(envelope(1) + b"\n")
    second.write_bytes(envelope(2))
    (tmp_path / "a").mkdir()
    targets = [tmp_path / "out", tmp_path / "a" / "out"]
    options = [part for target in targets for part in ("--to", f"file:{target}")]
    assert forward(*options, first, second).returncode == 0
    assert [target.read_bytes() for target in targets] == [envelope(1) + b"\n" + envelope(2) + b"\n"] * 2


def test_the_record_format_sends_the_detail(tmp_path: Path) -> None:
    """--format record sends only the bytes of detail."""
    target = tmp_path / "out"
    assert forward("--to", f"file:{target}", "--format", "record", stdin=envelope(0)).returncode == 0
    assert target.read_bytes()[:-1] in envelope(0)
    assert json.loads(target.read_bytes()) == json.loads(envelope(0))["detail"]


def test_invalid_lines_are_named_and_the_others_delivered(tmp_path: Path) -> None:
    """Invalid lines give exit status 1 and a message with position and reason; valid lines arrive."""
    target = tmp_path / "out"
    lines = envelope(0) + b"\n{oops\n\n[1,2]\n" + envelope(1) + b"\n"
    done = forward("--to", f"file:{target}", stdin=lines)
    assert done.returncode == 1
    assert target.read_bytes() == envelope(0) + b"\n" + envelope(1) + b"\n"
    assert b"not_json" in done.stderr
    assert b"stdin:2" in done.stderr
    assert b"stdin:4" in done.stderr


def test_what_was_not_delivered_is_kept_and_can_be_forwarded_again(tmp_path: Path) -> None:
    """--undelivered writes events with the reason; forwarding that file sends them to the remaining sinks."""
    kept, good = tmp_path / "kept.ndjson", tmp_path / "good"
    with Receiver([Status(404)]) as receiver:
        options = ["--to", receiver.url, "--to", f"file:{good}"]
        first = forward(*options, "--undelivered", kept, stdin=envelope(7))
        assert first.returncode == 1
        assert b"http_404" in first.stderr
        again = forward(*options, kept)
        assert again.returncode == 0, again.stderr
        assert receiver.requests[1].body == b"[" + envelope(7) + b"]"
    assert good.read_bytes() == envelope(7) + b"\n"


def test_a_configuration_file_with_routes_decides(tmp_path: Path) -> None:
    """--config accepts a trailforward.toml."""
    config = tmp_path / "trailforward.toml"
    config.write_text(
        f'[sinks.out]\nto = "file:{tmp_path / "out"}"\n'
        '[[routes]]\nname = "stops"\nsinks = ["out"]\n'
        'pattern = { detail = { eventName = ["StopLogging"] } }\n'
    )
    stop = envelope(1, eventName="StopLogging")
    done = forward("--config", config, stdin=envelope(0) + b"\n" + stop)
    assert done.returncode == 0
    assert (tmp_path / "out").read_bytes() == stop + b"\n"
    assert re.search(rb"out +2 +1 +1 +0 +0", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--to", "arn:aws:dynamodb:eu-west-1:111122223333:table/x"], "no sink supports"),
        (["--to", "stdout:", "--format", "xml"], "unknown format"),
        (["--to", "stdout:", "--config", "x.toml"], "not both"),
        (["--config", "missing.toml"], "cannot read the file missing.toml"),
        ([], "TRAILFORWARD_TO"),
    ],
)
def test_invalid_options_give_status_2_and_the_fix(arguments: list[str], expected: str) -> None:
    """With invalid options, the command says why, sends nothing, and exits with status 2."""
    done = forward(*arguments, stdin=envelope(0))
    assert done.returncode == 2
    assert expected in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    """Unreadable files give exit status 1 and a message with the name; earlier events are forwarded."""
    cut, target = tmp_path / "cut.gz", tmp_path / "out"
    cut.write_bytes(gzip.compress(envelope(0) + b"\n" + os.urandom(3000).hex().encode())[:-400])
    done = forward("--to", f"file:{target}", tmp_path / "missing.ndjson", cut)
    assert done.returncode == 1
    assert b"missing.ndjson: No such file" in done.stderr
    assert b"cut.gz: damaged or truncated gzip" in done.stderr


def test_an_empty_input_says_so() -> None:
    """Without events, the command says that there were none."""
    done = forward("--to", "stdout:")
    assert done.returncode == 0
    assert b"no events" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_not_a_success(tmp_path: Path, unbuffered: str) -> None:
    """If the reader closes the pipe, reading stops, the status is 141, and the events stay undelivered."""
    source = tmp_path / "in"
    source.write_bytes(b"\n".join(envelope(number) for number in range(12_000)))
    process = subprocess.Popen(
        [sys.executable, "-m", "trailforward", "forward", "--to", "stdout:", str(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    _, text = process.communicate()
    assert process.returncode == 141
    assert b"EPIPE" in text
    assert b"Traceback" not in text
    figures = re.search(rb"stdout +([0-9,]+) +([0-9,]+) +0 +0 +([0-9,]+)", text)
    assert figures is not None
    received, delivered, returned = (int(figure.replace(b",", b"")) for figure in figures.groups())
    assert received < 12_000  # the second batch was not sent
    assert (delivered, returned) == (0, received)


def test_an_interrupted_run_prints_the_summary(tmp_path: Path) -> None:
    """After Ctrl-C, the command prints the summary and where to continue, and exits with status 130."""
    # A job that a shell started in the background ignores SIGINT, and so would the command.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "trailforward", "forward", "--to", f"file:{tmp_path / 'out'}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, handler)
    assert process.stdin is not None
    process.stdin.write((envelope(0) + b"\n") * 12_000)  # more than a batch
    process.stdin.flush()
    while not (tmp_path / "out").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=600)
    assert process.returncode == 130
    line = re.search(rb"interrupted: every event before this .* Continue at line ([0-9]+) of standard", text)
    assert line is not None
    lines = (tmp_path / "out").read_bytes().count(b"\n")
    assert 1 < int(line[1]) <= lines + 1
    assert re.search(rb"file-out +[0-9,]{5,} ", text)
    assert b"Traceback" not in text


def test_a_summary_names_the_most_frequent_reasons_and_counts_the_others() -> None:
    """A long list of reasons is cut, and the summary says how many are left out."""
    lines = b"\n".join(b'{"k%d": 1}' % number for number in range(15))
    done = forward("--to", "stdout:", stdin=lines)
    assert done.returncode == 1
    assert done.stderr.count(b"unknown_shape") == 10
    assert b"and 5 further reasons" in done.stderr


def test_a_destination_that_refuses_everything_is_named_with_the_fix(tmp_path: Path) -> None:
    """The command stops sending to it after the first batch, keeps the rest, and exits with 1."""
    kept = tmp_path / "kept"
    lines = b"\n".join(envelope(number) for number in range(20_000))
    with Receiver([Status(403)] * 200) as receiver:
        done = forward("--to", receiver.url, "--undelivered", kept, stdin=lines)
        assert len(receiver.requests) < 100  # the first batch is divided, until three events were refused
    assert done.returncode == 1
    assert b"refuses everything, so the rest was not sent" in done.stderr
    assert b"Fix: check that the receiver accepts the secret" in done.stderr
    assert len(kept.read_bytes().splitlines()) == 20_000


def test_a_file_for_the_undelivered_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """If the file of --undelivered cannot be written, the command says so."""
    done = forward("--to", "stdout:", "--undelivered", tmp_path / "no" / "where", stdin=b"{}")
    assert done.returncode == 1
    assert b"where: No such file" in done.stderr


def test_the_schema_command_prints_json_schema() -> None:
    """The command prints the JSON Schema of trailforward.toml."""
    done = run("schema")
    assert done.returncode == 0
    assert json.loads(done.stdout)["title"] == "trailforward.toml"


def test_the_schema_command_knows_several_documents() -> None:
    """An argument chooses the document: config, or the doctor's report; another one gives status 2."""
    assert json.loads(run("schema", "config").stdout)["title"] == "trailforward.toml"
    title = json.loads(run("schema", "doctor").stdout)["title"]
    assert title == "trailforward doctor: report, version 1"
    done = run("schema", "odd")
    assert done.returncode == 2
    assert b"choose one of config, doctor" in done.stderr


def test_the_version_is_shown() -> None:
    """The option --version prints the version."""
    import trailforward

    assert run("--version").stdout.decode().split() == ["trailforward", trailforward.__version__]


def test_without_the_terminal_extra_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    """Without the extra, one sentence gives the command that installs it."""
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('typer')")
    done = run("--version", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.decode().strip().endswith("pip install 'trailforward[cli]'")


@pytest.mark.skipif(CORPUS is None, reason="TRAILFORWARD_CORPUS names no folder of events")
def test_the_corpus_is_copied_byte_for_byte(tmp_path: Path) -> None:
    """Thousands of real records and envelopes arrive unchanged, also those that are hard to parse."""
    files = sorted(Path(CORPUS or "").glob("*.ndjson"))
    assert len(files) >= 7
    for source in files:
        target = tmp_path / source.name
        done = forward("--to", f"file:{target}", source)
        assert done.returncode == 0, done.stderr
        assert target.read_bytes() == source.read_bytes()
