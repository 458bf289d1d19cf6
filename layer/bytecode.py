"""Writes the layer's bytecode reproducibly, so that a cold start compiles nothing."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from layer.target import BuildError

if TYPE_CHECKING:
    from pathlib import Path

#: The cost of a layer without bytecode, measured on Python 3.14.
COST = "importing the handler takes 1.8 times the CPU time at every cold start"

#: Code that does not handle events gets no bytecode, to stay within the budget. It is still importable, as in
#: any layer that pip built. The smoke test proves that the forwarder does not import it.
COLD = re.compile(
    r"site-packages/("
    r"aws_lambda_powertools/(event_handler|utilities)/(?!__init__|jmespath_utils)"
    r"|aws_lambda_powertools/metrics/provider/datadog/"
    r"|pydantic/(v1/|color|deprecated/(class_validators|config|copy_internals|decorator|json)|experimental/|networks"
    r"|root_model|validate_call_decorator|_internal/_(decorators_v1|validate_call))"
    r"|trailforward/(plugins|config/schema|patterns/(addresses|explain|lints|cloudtrail/)|pipeline/(canary|copies|receipts|sink_fixes)|receipts/|settings/model"
    r"|formats/(_?ocsf|amazon_q|asff|cloudevents|google_chat|pagerduty|teams)|sources/(_kpl|file)"
    r"|sinks/(_acting|_cloudtrail_layout|_plugins|eventbridge_v2|lambda_function|local|security_hub|step_functions"
    r"|http/(mutual_tls|oauth2|otlp_protobuf|sigv4_auth|webhook_auth|presets/(google_chat|google_secops|opensearch|otlp|pagerduty|sentinel|teams)))"
    r"|aws/rest_json_protocol|transport/proxies)"
    r")"
)
#: Without docstrings, bytecode is a sixth smaller. At this level Python also removes assert statements; the
#: compiled modules of these packages have none.
_WITHOUT_DOCSTRINGS = "2"
_STRIPPED = ("aws_lambda_powertools", "pydantic_core", "trailforward")

#: The folder where Lambda unpacks layers, for the paths in tracebacks.
MOUNT = "/opt"
_UNCHECKED_HASH = 1
_COMPILE = ("-I", "-S", "-X", "no_debug_ranges", "-m", "compileall")


def compile_tree(folder: Path, python: str) -> None:
    """Writes bytecode that is valid whatever the files' times are and does not contain the folder's path.

    Ordinary bytecode contains the time of its source. A reproducible zip has fixed times, so that bytecode
    would be stale, and every cold start would compile everything again. Without the columns of each
    instruction (``no_debug_ranges``) it is a fifth smaller; tracebacks still name files and lines.
    """
    common = ("-q", "-x", COLD.pattern, "--invalidation-mode", "unchecked-hash")
    stripped = [tree for name in _STRIPPED for tree in folder.glob(f"python/lib/*/site-packages/{name}")]
    for tree, *options in ((folder / "python",), *((tree, "-o", _WITHOUT_DOCSTRINGS) for tree in stripped)):
        done = subprocess.run(
            [python, *_COMPILE, *common, *options, "-s", folder, "-p", MOUNT, tree],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"bytecode: {done.stdout}{done.stderr}")
    for bytecode in folder.rglob(f"*.opt-{_WITHOUT_DOCSTRINGS}.pyc"):
        # Python loads this name whatever its -O option is.
        bytecode.replace(bytecode.with_name(bytecode.name.replace(f".opt-{_WITHOUT_DOCSTRINGS}", "")))


def uncompiled(site: Path, tag: str) -> list[str]:
    """Returns the sources, except COLD ones, that lack bytecode for this tag of kind *unchecked-hash*."""
    return [
        str(path.relative_to(site))
        for path in sorted(site.rglob("*.py"))
        if not COLD.search(path.as_posix())
        and not is_unchecked(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc")
    ]


def is_unchecked(bytecode: Path) -> bool:
    """Whether this is a ``.pyc`` that Python loads without checking its source (PEP 552)."""
    if not bytecode.is_file():
        return False
    with bytecode.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") == _UNCHECKED_HASH
