"""Publishes the layers of build/layer in Regions of the account, with an SSM parameter for each.

    python -m release.publish_layers --version 0.1.0 --region all --dry-run
    python -m release.publish_layers --version 0.1.0 --region eu-west-1 --region us-east-1 --public

For each zip and Region:

1. A new version of the layer, such as ``trailforward-python3-14-arm64``; if the newest version has the same
   bytes, that one. It is compared with the zip by its digest.
2. With ``--public``, the permission for every account to use it.
3. The parameters ``/trailforward/layer/python3.14-arm64/0.1.0`` and ``…/latest``, which contain its ARN.

Every step can be repeated: after a failure, run the same command again. ``--region all`` means the Regions
that the account has enabled. Credentials are those of boto3; the policy is in RELEASING.md.

Exit status: 0 everything is published, 1 a Region failed, 2 wrong options, or no zips.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).resolve().parent.parent / "build" / "layer"
_NAME = re.compile(r"trailforward-python(?P<python>3\.\d+)-(?P<architecture>arm64|x86_64)\.zip")
_PARAMETERS = "/trailforward/layer"


class Layer(NamedTuple):
    """A zip to publish.

    Attributes:
        python: minor version, such as ``3.14``.
        architecture: Lambda's name, such as ``arm64``.
        content: bytes of the zip.
    """

    python: str
    architecture: str
    content: bytes

    @property
    def name(self) -> str:
        """The layer's name; Lambda does not allow dots in it."""
        return f"trailforward-python{self.python.replace('.', '-')}-{self.architecture}"

    @property
    def digest(self) -> str:
        """SHA-256 in Base64, as Lambda shows it (``CodeSha256``)."""
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()

    @property
    def parameter(self) -> str:
        """The path of its SSM parameters."""
        return f"{_PARAMETERS}/python{self.python}-{self.architecture}"


class PublishError(Exception):
    """A layer cannot be published in a Region."""


def layers_in(folder: Path) -> list[Layer]:
    """Reads the zips that ``make layer`` wrote, in the order of their names."""
    found = ((path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob("*.zip")))
    return [
        Layer(match["python"], match["architecture"], path.read_bytes()) for path, match in found if match
    ]


class Region:
    """Publishes in one Region.

    Args:
        name: the Region.
        version: the version of trailforward.
        client: creates a boto3 client from a service and a Region.
        public: whether every account may use the layers.
        dry_run: whether to read only.
    """

    def __init__(
        self, name: str, version: str, client: Callable[[str, str], Any], *, public: bool, dry_run: bool
    ) -> None:
        self._version = version
        self._lambda = client("lambda", name)
        self._ssm = client("ssm", name)
        self._public = public
        self._dry_run = dry_run

    def publish(self, layer: Layer) -> Iterator[str]:
        """Publishes one layer; yields what was done.

        Raises:
            PublishError: the parameter of this version names other bytes, or Lambda stored other bytes.
            botocore.exceptions.ClientError: a call failed.
        """
        parameter = f"{layer.parameter}/{self._version}"
        released = self._parameter(parameter)
        found = self._newest(layer)
        if released is not None and (found is None or found["LayerVersionArn"] != released):
            name, _, suffix = released.rpartition(":")
            stored = self._lambda.get_layer_version(LayerName=name, VersionNumber=int(suffix))
            if stored["Content"]["CodeSha256"] != layer.digest:
                raise PublishError(
                    f"{parameter} is already released with other bytes ({released}). A released version "
                    "never changes. Fix: release a new version"
                )
            found = {"LayerVersionArn": released, "Version": stored["Version"]}
        if found is not None:
            arn, number = found["LayerVersionArn"], found["Version"]
            yield f"{arn} has these bytes already"
        elif self._dry_run:
            yield f"would publish {layer.name} ({len(layer.content):,} bytes, CodeSha256 {layer.digest})"
            yield from self._would(parameter, layer)
            return
        else:
            arn, number = self._new_version(layer)
            yield f"published {arn}"
        if self._dry_run:
            yield from self._would(parameter, layer)
            return
        if self._public:
            yield from self._allow(layer, number)
        for name in (parameter, f"{layer.parameter}/latest"):
            if self._parameter(name) != arn:
                self._ssm.put_parameter(
                    Name=name, Value=arn, Type="String", Overwrite=name.endswith("/latest")
                )
                yield f"{name} = {arn}"

    def _would(self, parameter: str, layer: Layer) -> Iterator[str]:
        if self._public:
            yield "would let every account use it"
        yield f"would set {parameter} and {layer.parameter}/latest"

    def _newest(self, layer: Layer) -> dict[str, Any] | None:
        """Returns the newest version if it has the bytes of the zip."""
        versions = self._lambda.list_layer_versions(LayerName=layer.name, MaxItems=1)["LayerVersions"]
        if not versions:
            return None
        number = versions[0]["Version"]
        stored = self._lambda.get_layer_version(LayerName=layer.name, VersionNumber=number)
        return versions[0] if stored["Content"]["CodeSha256"] == layer.digest else None

    def _new_version(self, layer: Layer) -> tuple[str, int]:
        made = self._lambda.publish_layer_version(
            LayerName=layer.name,
            Description=f"trailforward {self._version}",
            Content={"ZipFile": layer.content},
            CompatibleRuntimes=[f"python{layer.python}"],
            CompatibleArchitectures=[layer.architecture],
            LicenseInfo="Apache-2.0",
        )
        if made["Content"]["CodeSha256"] != layer.digest:
            raise PublishError(f"{made['LayerVersionArn']} has other bytes than the zip. Delete this version")
        return made["LayerVersionArn"], made["Version"]

    def _allow(self, layer: Layer, number: int) -> Iterator[str]:
        try:
            self._lambda.add_layer_version_permission(
                LayerName=layer.name,
                VersionNumber=number,
                StatementId="public",
                Action="lambda:GetLayerVersion",
                Principal="*",
            )
        except self._lambda.exceptions.ResourceConflictException:
            return  # an earlier run has added it
        yield "every account may use it"

    def _parameter(self, name: str) -> str | None:
        try:
            return str(self._ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except self._ssm.exceptions.ParameterNotFound:
            return None


def main(arguments: list[str] | None = None) -> int:
    """Publishes the layers; returns the exit status."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(
        prog="python -m release.publish_layers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", required=True, help="version of trailforward, such as 0.1.0")
    parser.add_argument("--region", action="append", required=True, help="a Region, or all; repeatable")
    parser.add_argument("--public", action="store_true", help="let every account use the layers")
    parser.add_argument("--dry-run", action="store_true", help="read only, and print what would be done")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="with the zips (default: build/layer)")
    options = parser.parse_args(arguments)
    layers = layers_in(options.folder)
    if not layers:
        print(f"{options.folder} contains no zips. Fix: make layer", file=sys.stderr)
        return 2
    session = boto3.session.Session()

    def client(service: str, region: str) -> Any:
        return session.client(service, region_name=region)

    failed = []
    try:
        regions = _regions(client, options.region)
    except (BotoCoreError, ClientError) as error:
        print(f"The Regions of the account cannot be read: {error}", file=sys.stderr)
        return 2
    for name in regions:
        for layer in layers:
            try:
                region = Region(name, options.version, client, public=options.public, dry_run=options.dry_run)
                for line in region.publish(layer):
                    print(f"{name}: {line}", flush=True)
            except (BotoCoreError, ClientError, PublishError) as error:
                failed.append(f"{name}, {layer.name}: {error}")
                print(failed[-1], file=sys.stderr)
    if failed:
        print(
            f"{len(failed)} of {len(regions) * len(layers)} failed. Run the command again.", file=sys.stderr
        )
        return 1
    return 0


def _regions(client: Callable[[str, str], Any], chosen: list[str]) -> list[str]:
    """The chosen Regions, or those that the account has enabled, sorted."""
    if "all" not in chosen:
        return list(dict.fromkeys(chosen))
    found = client("ec2", "us-east-1").describe_regions(AllRegions=False)["Regions"]
    return sorted(region["RegionName"] for region in found)


if __name__ == "__main__":
    sys.exit(main())
