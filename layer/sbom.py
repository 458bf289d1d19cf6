"""The software bill of materials of a layer, in CycloneDX format and reproducible (without times)."""

from __future__ import annotations

import uuid
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from importlib.metadata import Distribution
    from pathlib import Path


def cyclonedx(
    name: str, digest: str, properties: Mapping[str, str], site: Path, hashes: Mapping[str, str]
) -> dict[str, Any]:
    """Describes a layer from the metadata of its packages.

    Args:
        name: of the layer.
        digest: SHA-256 of its zip, in hex.
        properties: further properties of the layer.
        site: the folder of its packages.
        hashes: SHA-256 of each package's wheel, by canonical name.
    """
    found = {canonical(item.name): item for item in distributions(path=[str(site)])}
    purls = {name: f"pkg:pypi/{name}@{found[name].version}" for name in sorted(found)}
    layer = {
        "type": "library",
        "bom-ref": "layer",
        "name": name,
        "version": found["trailforward"].version,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    components = [
        {
            "type": "library",
            "bom-ref": purl,
            "name": found[name].name,
            "version": found[name].version,
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": hashes[name]}],
            "licenses": licenses(found[name]),
            # The wheel's own SBOM lists what was compiled into an extension module. It is in the zip.
            "externalReferences": [
                {"type": "bom", "url": path.relative_to(site).as_posix()}
                for path in sorted(site.glob(f"{name.replace('-', '_')}-*.dist-info/sboms/*.json"))
            ],
        }
        for name, purl in purls.items()
    ]
    edges = {purl: [purls[one] for one in dependencies(found[name], purls)] for name, purl in purls.items()}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "component": layer,
            "properties": [
                {"name": f"trailforward:layer:{key}", "value": value} for key, value in properties.items()
            ],
        },
        "components": components,
        "dependencies": [
            {"ref": "layer", "dependsOn": [purls["trailforward"]]},
            *({"ref": purl, "dependsOn": others} for purl, others in edges.items()),
        ],
    }


def licenses(item: Distribution) -> list[dict[str, Any]]:
    """Returns a package's license, as its metadata declares it."""
    headers = item.metadata.json
    if expression := headers.get("license_expression"):
        return [{"expression": expression}]
    classifiers = [text for text in headers.get("classifier", []) if text.startswith("License ::")]
    name = headers.get("license") or "".join(classifiers[:1]).rpartition(" :: ")[2]
    return [{"license": {"name": name}}] if name else []


def dependencies(item: Distribution, present: Collection[str]) -> list[str]:
    """Returns the packages of the layer that this one requires; for trailforward with its extra ``aws``."""
    from packaging.requirements import Requirement

    extra = {"extra": "aws" if item.name == "trailforward" else ""}
    wanted = [Requirement(text) for text in item.requires or ()]
    names = {canonical(one.name) for one in wanted if one.marker is None or one.marker.evaluate(extra)}
    return sorted(names.intersection(present))


def canonical(name: str) -> str:
    """Normalizes a package name as PyPI does, for the names in the layer."""
    return name.lower().replace("_", "-").replace(".", "-")
