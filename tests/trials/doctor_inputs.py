"""Gives mutated snapshots and templates to the doctor, and counts how it ends.

    python -m tests.trials.doctor_inputs [SNAPSHOTS] [TEMPLATES] [SEED]

An input gets one to six changes of its JSON, or a change of its text. ``trailforward doctor`` must end with a
report (exit status 0, 1, or 2) or with one sentence (exit status 2), never with a traceback. Templates are
read by cfn-lint, in the same way as a user's. Prints the exit statuses; exits with 1 after an internal error.
"""

from __future__ import annotations

import copy
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.doctor.test_properties import good
from tests.doctor.test_template import ALL_KINDS, BASES
from tests.doctor.worlds import HERE, HOME, direct, hub
from trailforward.cli import app

ROOT = Path(__file__).parents[2]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1e308, 2**70, "", " ", "\ud800", "x" * 3_000, "*"),
    *("{{unknown x}}", "arn:aws:sqs:::"),
    *([], {}, [[]], {"": {}}, [None], {"a": [{"b": {}}]}, {"Ref": "Nothing"}, {"Fn::If": []}, {"Fn::Sub": 5}),
    *(
        {"Fn::GetAtt": "x"},
        {"Fn::ImportValue": {"Ref": "x"}},
        {"Fn::Join": ["", 7]},
        {"Fn::Select": ["9", []]},
    ),
    *({"Fn::Transform": {"Name": "x"}}, {"Fn::ForEach::a": []}, "{{resolve:ssm:x}}", "9" * 400),
]
FORMATS = ("terminal", "json", "markdown", "sarif", "html")


def mutated(seed: Any, source: random.Random) -> str:
    """The text of an input after some changes."""
    value = copy.deepcopy(seed)
    for _ in range(source.randint(1, 6)):
        node = value
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = source.choice(keys)
            if isinstance(node[key], (dict, list)) and source.random() < 0.8:  # mostly deep
                node = node[key]
            elif source.random() < 0.3 and isinstance(node, dict):
                del node[key]
                break
            else:
                node[key] = copy.deepcopy(source.choice(ODD))
                break
    text = json.dumps(value)
    if source.random() < 0.05:  # damage of the text itself
        at = source.randrange(len(text))
        text = source.choice([text[:at], text[:at] + source.choice('{}[],:"\\\0') + text[at + 1 :], ""])
    return text


def options(source: random.Random) -> list[str]:
    """Options that users combine."""
    chosen = ["--region", HERE, "--region", HOME, "--format", source.choice(FORMATS)]
    return chosen if source.random() < 0.5 else [*chosen, "--class", "write"]


def run(count: int, seeds: list[Any], option: str, source: random.Random, path: Path) -> Counter[str]:
    """The exit statuses of so many runs."""
    runner, found = CliRunner(), Counter[str]()
    for number in range(count):
        text = mutated(source.choice(seeds), source)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        done = runner.invoke(app, ["doctor", option, str(path), *options(source)])
        crash = done.exception is not None and not isinstance(done.exception, SystemExit)
        found["crash" if crash else f"exit status {done.exit_code}"] += 1
        if crash and done.exc_info:
            traceback.print_exception(*done.exc_info)
            kept = Path(tempfile.gettempdir()) / f"doctor-input-{number}.json"
            kept.write_text(text, encoding="utf-8", errors="surrogatepass")
            sys.stderr.write(f"input: {kept}\n")
    return found


def main(snapshots: int, templates: int, seed: int) -> int:
    """Runs both kinds of inputs, and prints the results; the exit status."""
    source = random.Random(seed)  # noqa: S311  # repeatable
    ours = [
        json.loads(json.dumps({"Resources": base, "Parameters": {"P": {"Type": "String", "Default": "x"}}}))
        for base in (ALL_KINDS, *BASES)
    ]
    total = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.json"
        for name, count, seeds, option in (
            ("snapshots", snapshots, [direct(), hub(), good()], "--snapshot"),
            ("templates", templates, ours, "--template"),
        ):
            found = run(count, seeds, option, source, path)
            total += found
            shown = ", ".join(f"{status}: {number:,}" for status, number in sorted(found.items()))
            sys.stdout.write(f"{count:,} mutated {name}: {shown}\n")
    return 1 if total["crash"] or set(total) - {f"exit status {number}" for number in range(3)} else 0


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    sys.exit(main(*given, *(10_000, 1_000, 1)[len(given) :]))
