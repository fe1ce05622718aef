"""Checks the examples in the API description against their schemas.

Prints one line for each problem, and the number of examples.
"""

import json
import sys

from jsonschema import Draft202012Validator

# Without this package, the format `date-time` is not checked.
import rfc3339_validator  # noqa: F401


def find_examples(node, path=""):
    """Yields each example with its schema and its path in the description."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from find_examples(item, f"{path}/{index}")
        return
    if not isinstance(node, dict):
        return
    is_property = path.endswith("/properties")
    # Bodies and parameters have a schema; a schema has its own examples.
    schema = node.get("schema", node)
    if not is_property and "example" in node:
        yield path, schema, node["example"]
    if not is_property and isinstance(node.get("examples"), list):
        for example in node["examples"]:
            yield path, schema, example
    for key, value in node.items():
        if is_property or key not in ("example", "examples"):
            yield from find_examples(value, f"{path}/{key}")


with open(sys.argv[1], encoding="utf-8") as file:
    description = json.load(file)
count = 0
for path, schema, example in find_examples(description):
    count += 1
    # References in the schema lead to the components.
    validator = Draft202012Validator(
        {**schema, "components": description["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    for error in validator.iter_errors(example):
        print(f"{path}: {error.message}")
print(count)
