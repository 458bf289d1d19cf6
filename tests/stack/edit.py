"""Run by the tests: edit.py TEMPLATE TYPES NAMES takes out what ministack cannot take in."""

import json
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse

path = Path(sys.argv[1])
types, names = json.loads(sys.argv[2]), json.loads(sys.argv[3])
template = yaml_parse(path.read_text())
resources = template["Resources"]
gone = [name for name, resource in resources.items() if resource["Type"] in types or name in names]
for name in gone:
    del resources[name]
for resource in resources.values():
    resource.pop("DependsOn", None)
    # ministack keeps this parameter's value as text, and then fails to compare it with a number.
    properties = resource.get("Properties", {})
    if "MaximumConcurrency" in json.dumps(properties.get("ScalingConfig", {}), default=str):
        properties["ScalingConfig"] = {"MaximumConcurrency": 10}
# ministack does not split texts in conditions. The test lists no accounts, and writes no receipts.
conditions = template["Conditions"]
for name in [name for name in conditions if name.startswith("InPlaces")]:
    del conditions[name]
conditions["ListsThisAccount"] = {"Fn::Equals": ["this account", "not listed"]}
conditions["HasReceiptStream"] = {"Fn::Equals": ["a stream", "not set"]}
# ministack is spoken to without TLS, and enforces this.
statements = resources["EventQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
statements[:] = [statement for statement in statements if statement.get("Sid") != "EncryptedOnly"]
# The dashboard lists the alarms.
alarms = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1]["Alarms"]["Fn::Join"][1]
alarms[:] = [alarm for alarm in alarms if not any(name in json.dumps(alarm) for name in gone)]
path.write_text(yaml_dump(template))
print(json.dumps(gone))  # noqa: T201  # for the test
