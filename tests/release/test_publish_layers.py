"""Publishing layers, on a local AWS."""

from __future__ import annotations

import hashlib
import io
import zipfile
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from release.publish_layers import Layer, layers_in, main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader

_CONTENT = count()


@pytest.fixture
def folder(tmp_path: Path, local_aws: Reader) -> Path:
    """Two zips with bytes that no other test publishes, and a file that is not a layer."""
    del local_aws
    for name in ("trailforward-python3.14-arm64.zip", "trailforward-python3.11-x86_64.zip"):
        change(tmp_path / name)
    (tmp_path / "trailforward-python3.14-arm64-boto3.zip").write_bytes(b"")
    return tmp_path


def change(path: Path) -> None:
    """Writes a zip with new bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as out:
        out.writestr("python/a.py", str(next(_CONTENT)))
    path.write_bytes(content.getvalue())


def client(service: str, region: str = "eu-west-1") -> Any:
    """A client of the local AWS."""
    return boto3.client(service, region_name=region)


def value(name: str, region: str = "eu-west-1") -> str:
    """The value of a parameter of a layer."""
    return str(client("ssm", region).get_parameter(Name=f"/trailforward/layer/{name}")["Parameter"]["Value"])


def run(folder: Path, *arguments: str, version: str = "1.0.0", region: str = "eu-west-1") -> int:
    """Publishes the zips of a folder; returns the exit status."""
    return main(["--folder", str(folder), "--version", version, "--region", region, *arguments])


def test_each_zip_becomes_a_layer_with_two_parameters(folder: Path) -> None:
    """Lambda has the bytes of each zip, and the parameters of the version and of the latest name it."""
    assert run(folder, version="2.0.0") == 0
    for layer in layers_in(folder):
        parameter = layer.parameter.removeprefix("/trailforward/layer/")
        arn = value(f"{parameter}/2.0.0")
        assert arn == value(f"{parameter}/latest")
        name, _, number = arn.rpartition(":")
        stored = client("lambda").get_layer_version(LayerName=name, VersionNumber=int(number))
        assert stored["Content"]["CodeSha256"] == layer.digest
        assert stored["CompatibleRuntimes"] == [f"python{layer.python}"]
        assert stored["LicenseInfo"] == "Apache-2.0"


def test_a_second_run_publishes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a failure, the same command continues: what is published already stays as it is."""
    assert run(folder, "--public", version="3.0.0") == 0
    arn = value("python3.14-arm64/3.0.0")
    capsys.readouterr()
    assert run(folder, "--public", version="3.0.0") == 0
    out = capsys.readouterr().out
    assert out.count("has these bytes already") == 2
    assert "published" not in out
    assert value("python3.14-arm64/3.0.0") == arn


def test_a_released_version_never_changes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other bytes for a version that exists already are an error, and its parameter keeps its value."""
    assert run(folder, version="4.0.0") == 0
    arn = value("python3.14-arm64/4.0.0")
    change(folder / "trailforward-python3.14-arm64.zip")
    assert run(folder, version="4.0.0") == 1
    assert "already released with other bytes" in capsys.readouterr().err
    assert value("python3.14-arm64/4.0.0") == arn
    assert run(folder, version="4.0.1") == 0
    assert value("python3.14-arm64/4.0.0") == arn
    assert value("python3.14-arm64/latest") == value("python3.14-arm64/4.0.1") != arn


def test_an_older_version_can_be_completed(folder: Path) -> None:
    """Publishing a version again after a newer one does not create it a second time."""
    zip_file = folder / "trailforward-python3.14-arm64.zip"
    old = zip_file.read_bytes()
    assert run(folder, version="5.0.0") == 0
    arn = value("python3.14-arm64/5.0.0")
    change(zip_file)
    assert run(folder, version="5.0.1") == 0
    zip_file.write_bytes(old)
    assert run(folder, version="5.0.0") == 0
    assert value("python3.14-arm64/5.0.0") == arn


def test_a_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --dry-run, the output says what would be done, and AWS is only read."""
    (layer, *_) = layers_in(folder)
    assert run(folder, "--dry-run", "--public", version="6.0.0", region="eu-north-1") == 0
    assert f"would publish {layer.name}" in capsys.readouterr().out
    assert not client("lambda", "eu-north-1").list_layer_versions(LayerName=layer.name)["LayerVersions"]
    assert not client("ssm", "eu-north-1").get_parameters_by_path(Path="/trailforward", Recursive=True)[
        "Parameters"
    ]


def test_all_regions_are_those_that_the_account_has_enabled(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--region all asks EC2 for the Regions of the account."""
    assert run(folder, "--dry-run", region="all") == 0
    out = capsys.readouterr().out
    regions = {region["RegionName"] for region in client("ec2").describe_regions()["Regions"]}
    assert {line.partition(":")[0] for line in out.splitlines()} == regions
    assert len(regions) > 10


def test_a_region_that_fails_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Regions that work are done, the status is 1, and the error names the Region."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert run(folder, "--region", "eu-west-3", version="7.0.0", region="not a region") == 1
    assert "not a region, trailforward-python3-14-arm64" in capsys.readouterr().err
    assert value("python3.14-arm64/7.0.0", "eu-west-3")


def test_without_zips_the_error_says_how_to_build_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder is an error with the command that fills it."""
    assert run(tmp_path) == 2
    assert "make layer" in capsys.readouterr().err


def test_the_digest_is_the_one_that_lambda_shows() -> None:
    """CodeSha256 is the SHA-256 of the zip in Base64."""
    assert Layer("3.14", "arm64", b"").digest == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
