"""Writes the schemas of the chart's kinds to schemas/, without descriptions.

Source: the PyPI package kubernetes-validate 1.37.0 (Apache-2.0), made from the OpenAPI document of Kubernetes 1.37 (Apache-2.0).
    pip install --target /tmp/kv --no-deps kubernetes-validate==1.37.0 && python3 deploy/check/schemas.py /tmp/kv
"""

import json
import pathlib
import sys

KINDS = [
    "deployment-apps-v1",
    "job-batch-v1",
    "service-v1",
    "ingress-networking-v1",
    "horizontalpodautoscaler-autoscaling-v2",
    "poddisruptionbudget-policy-v1",
    "networkpolicy-networking-v1",
]
source = pathlib.Path(sys.argv[1], "kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict")
target = pathlib.Path(__file__).with_name("schemas")


def clean(value):
    if isinstance(value, list):
        return [clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: item
        for key, item in value.items()
        if not key.startswith(("x-kubernetes", "$id")) and not (key == "description" and isinstance(item, str))
    }
    return {
        key: f"definitions.json#/definitions/{item.split('/')[-1]}" if key == "$ref" and isinstance(item, str) else clean(item)
        for key, item in kept.items()
    }


def names(value):
    if isinstance(value, list):
        return [name for item in value for name in names(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"].split("/")[-1]] if isinstance(value.get("$ref"), str) else []
    return own + [name for item in value.values() for name in names(item)]


def write(name, value):
    (target / f"{name}.json").write_text(json.dumps(value, separators=(",", ":"), sort_keys=True) + "\n")


target.mkdir(exist_ok=True)
definitions = clean(json.loads((source / "_definitions.json").read_text())["$defs"])
needed = {}
waiting = []
for kind in KINDS:
    schema = clean(json.loads((source / f"{kind}.json").read_text()))
    write(kind, schema)
    waiting += names(schema)
while waiting:
    name = waiting.pop()
    if name not in needed:
        needed[name] = definitions[name]
        waiting += names(definitions[name])
write("definitions", {"definitions": needed})
