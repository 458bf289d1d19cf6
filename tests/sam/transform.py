"""Run by the tests: transform.py SOURCE TARGET … writes templates as SAM's transform makes them."""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class Managed:
    """The managed policies that SAM would add to the roles that it creates."""

    def load(self) -> dict[str, str]:
        """Name → ARN."""
        names = "AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole"
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in names}


def packed(template: dict[str, Any]) -> dict[str, Any]:
    """With addresses in S3 where ``sam deploy`` would put them."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for key, place in (
            ("CodeUri", "s3://bucket/function.zip"),
            ("ContentUri", "s3://bucket/layer.zip"),
            ("TemplateURL", "https://bucket.s3.amazonaws.com/regional.yaml"),
        ):
            if key in properties:
                properties[key] = place
    return template


for source, target in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    made = transform(packed(yaml_parse(Path(source).read_text())), {}, Managed())
    Path(target).write_text(json.dumps(made, indent=1))
