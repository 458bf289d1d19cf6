"""Third-party sinks are found by the scheme of a destination and cannot replace built-in ones."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from trailforward import Config, ConfigError, Forwarder, Message, Origin, formats, plugins, sinks
from trailforward.config.schema import json_schema
from trailforward.errors import PluginError
from trailforward.sinks.http import presets

if TYPE_CHECKING:
    from collections.abc import Callable

    #: (name, code of the module, name of the package)
    Install = Callable[..., None]

EXAMPLES = Path(__file__).parents[2] / "examples"

SINK = """
    from trailforward.sinks import base
    from trailforward.sinks.settings import SinkSettings

    class Settings(SinkSettings):
        loud: bool = False

    class Sink(base.Sink):
        Settings = Settings
        taken = []

        def __init__(self, settings):
            self.arn, self.limits = settings.resource, base.Limits(10, 1000, 1000)

        def size(self, entry):
            return len(entry.data)

        def send(self, batch):
            self.taken += [entry.data for entry in batch]
            return []
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Adds a package with an entry point to sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name: str, code: str = SINK, package: str = "acme-sinks", group: str = "sinks") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[trailforward.{group}]\n{name} = {module}:Sink\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return add


@pytest.mark.parametrize(
    ("name", "to"),
    [("acme", "acme://host/x"), ("dynamodb", "arn:aws:dynamodb:eu-west-1:111122223333:table/x")],
)
def test_a_plug_in_is_used_like_any_sink(install: Install, name: str, to: str) -> None:
    """The scheme of a URL or the service of an ARN selects the plug-in, which has its own settings."""
    install(name)
    config = Config.from_toml(f'[sinks.x]\nto = "{to}"\nloud = true\n')
    assert vars(config.sinks["x"])["loud"] is True
    outcome = Forwarder(config).forward([Message(b'{"detail":{}}', Origin("test"))])
    assert outcome.totals("x").delivered == 1
    assert sinks.load(name).taken == [b'{"detail":{}}']


def test_a_plug_ins_settings_are_checked(install: Install) -> None:
    """An unknown key in a plug-in's table is an error, as for built-in sinks."""
    install("acme")
    with pytest.raises(ConfigError, match=r"sinks\.x\.laud: unknown key\. Fix: write loud"):
        Config.from_toml('[sinks.x]\nto = "acme://x"\nlaud = true\n')


@pytest.mark.parametrize("name", ["kinesis", "https", "http", "s3", "eventbridge", "stdout"])
def test_a_plug_in_cannot_replace_a_built_in_sink(install: Install, name: str) -> None:
    """Destinations and names of built-in sinks never lead to a plug-in."""
    install(name, "raise SystemError('never imported')")
    destinations = {
        "http": "https://siem.example.com",
        "s3": "s3://lake?region=eu-west-1",
        "stdout": "stdout:",
    }
    for kind, to in destinations.items():
        assert sinks.type_of(to) == kind
    assert sinks.type_of("arn:aws:kinesis:eu-west-1:111122223333:stream/x") == "kinesis"
    assert sinks.type_of("eventbridge://x") is None
    assert "acme_sinks" not in sys.modules


def test_built_in_sinks_need_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages are searched only for destinations that no built-in sink supports."""
    monkeypatch.setattr(plugins, "find", lambda *_: pytest.fail("searched"))
    Config.to("stdout:", "https://siem.example.com", "arn:aws:sqs:eu-west-1:111122223333:x")
    Config.from_toml(WITH_PRESET.replace("acme", "datadog") + 'format = "record"\n')


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import absent_module", "raised ModuleNotFoundError: No module named 'absent_module'"),
        ("1 / 0", "raised ZeroDivisionError"),
        ("Other = 1", "raised AttributeError"),
        ("class Sink: pass", "no Settings class derived from"),
        ("class Sink: Settings = dict", "no Settings class derived from"),
        (SINK.replace("(base.Sink)", ""), "does not derive from trailforward.sinks.base.Sink"),
        (
            SINK.replace("def send", "def transmit").replace("def size", "def weigh"),
            "does not implement send, size",
        ),
    ],
)
def test_a_broken_plug_in_gives_one_clear_error(install: Install, code: str, reason: str) -> None:
    """The error names the setting, the plug-in, the package, and the reason."""
    install("acme", code)
    with pytest.raises(ConfigError) as caught:
        Config.to("acme://x", "stdout:")
    (problem,) = caught.value.problems
    assert problem.key == "destination 1"
    assert problem.message.startswith("the plug-in 'acme' of acme-sinks cannot be used: ")
    assert reason in problem.message
    assert problem.fix == "update or uninstall that package"


def test_two_packages_for_one_scheme_are_an_error(install: Install) -> None:
    """If two packages provide the same scheme, neither is used."""
    install("acme")
    install("acme", package="evil-sinks")
    with pytest.raises(PluginError, match="of acme-sinks and evil-sinks cannot be used: several packages"):
        sinks.load("acme")


PRESET = """
    from trailforward.sinks.base import Limits
    from trailforward.sinks.http.auth import BearerAuth
    from trailforward.sinks.http.presets.base import Preset

    class Sink(Preset):
        limits = Limits(10, 1000, 1000)
        batch = "ndjson"

        def auth(self, secret):
            return BearerAuth(type="bearer", secret=secret)
"""
FORMAT = """
    from trailforward.formats.base import Format

    class Sink(Format):
        name, json, content_type = "acme", True, "application/json"

        def data(self, message):
            return message.detail
"""
SECRET = "arn:aws:ssm:eu-west-1:111122223333:parameter/acme"
WITH_PRESET = f'[sinks.x]\nto = "https://x.example.com"\npreset = "acme"\nsecret = "{SECRET}"\n'


@pytest.fixture
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "_by_name", {})


@pytest.mark.usefixtures("_forget")
def test_a_package_adds_a_preset_and_a_format(install: Install) -> None:
    """Both are used by name, like those of trailforward, and the JSON Schema lists them."""
    install("acme", PRESET, "acme-presets", "presets")
    install("acme", FORMAT, "acme-formats", "formats")
    settings = Config.from_toml(f'{WITH_PRESET}format = "acme"\n').sinks["x"]
    assert (vars(settings)["batch"], settings.format) == ("ndjson", "acme")
    assert formats.load("acme").subject(Message(b"{}", Origin("test"))) == ""
    definitions = json_schema()["$defs"]
    assert "acme" in definitions["HttpSettings"]["properties"]["preset"]["enum"]
    assert "acme" in definitions["S3Settings"]["properties"]["format"]["enum"]


@pytest.mark.usefixtures("_forget")
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import absent_module", "raised ModuleNotFoundError: No module named 'absent_module'"),
        ("class Sink: pass", "does not derive from trailforward.sinks.http.presets.base.Preset"),
        (PRESET.replace("limits =", "other ="), "does not define limits"),
        (PRESET.replace("def auth", "def other"), "does not define auth"),
        (PRESET.replace("limits =", "1 / 0 #"), "raised ZeroDivisionError"),
    ],
)
def test_a_broken_preset_is_one_sentence(install: Install, code: str, reason: str) -> None:
    """The error names the setting, the package, and the reason, and other sinks are not affected."""
    install("acme", code, "acme-presets", "presets")
    assert Config.to("https://siem.example.com").sinks
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(WITH_PRESET)
    (problem,) = caught.value.problems
    assert problem.key == "sinks.x.preset"
    assert problem.message.startswith("the plug-in 'acme' of acme-presets cannot be used: ")
    assert reason in problem.message
    assert "acme" in json_schema()["$defs"]["HttpSettings"]["properties"]["preset"]["enum"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 / 0", "raised ZeroDivisionError"),
        ("class Sink: pass", "does not derive from trailforward.formats.base.Format"),
        (FORMAT.replace("def data", "def other"), "does not define data"),
        (FORMAT.replace('"acme"', '"acme2"'), "'acme2', not that of its entry point"),
    ],
)
def test_a_broken_format_is_one_sentence(install: Install, code: str, reason: str) -> None:
    """The error names the setting and the reason; the JSON Schema and other formats still work."""
    install("acme", code, "acme-formats", "formats")
    with pytest.raises(ConfigError) as caught:
        Config.from_toml('[sinks.x]\nto = "stdout:"\nformat = "acme"\n')
    (problem,) = caught.value.problems
    assert problem.key == "sinks.x.format"
    assert reason in problem.message
    assert "acme" not in json_schema()["$defs"]["S3Settings"]["properties"]["format"]["enum"]


@pytest.mark.parametrize("group", ["presets", "formats"])
def test_built_in_presets_and_formats_cannot_be_replaced(install: Install, group: str) -> None:
    """A package that takes the name of a built-in preset or format is never imported."""
    install("slack", "raise SystemError('never imported')", "evil-slack", group)
    assert presets.load("slack").format == formats.load("slack").name
    assert formats.names().count("slack") == sinks.preset_names().count("slack") == 1
    assert "evil_slack" not in sys.modules


@pytest.mark.parametrize("to", ["nobody://x", "arn:aws:dynamodb:eu-west-1:111122223333:table/x", "words", ""])
def test_an_unknown_destination_has_no_type(to: str) -> None:
    """Without a matching plug-in a destination has no sink type."""
    assert sinks.type_of(to) is None


@pytest.mark.parametrize(
    ("example", "use", "shown"),
    [
        ("third-party-sink", "Config.to('syslog://127.0.0.1:6514').sinks", "facility=13"),
        ("third-party-preset", "sinks.preset_names(), formats.names()", "'acme') ['raw', "),
    ],
)
def test_the_example_is_a_real_package(tmp_path: Path, example: str, use: str, shown: str) -> None:
    """Each example can be installed, its own contract tests pass, and trailforward finds what it adds."""
    target = tmp_path / "site"
    source = tmp_path / "source"
    subprocess.run(["cp", "-r", str(EXAMPLES / example), str(source)], check=True)  # noqa: S607
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--no-build-isolation", "--no-index", "--target", str(target), str(source)]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        str(source / "tests"),
    ]
    src = str(Path(__file__).parents[2] / "src")
    environ = {"PYTHONPATH": f"{target}:{src}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=source, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    code = f"from trailforward import Config, formats, sinks; print({use})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environ
    )
    assert shown in done.stdout, done.stderr
