"""Checks the examples in the API description against their schemas.

A field that its schema does not describe is a problem too. Prints one line for each problem, and the number of examples.
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


def without_other_fields(schema, is_part=False):
    """Returns a schema that rejects fields that it does not describe.

    A schema in `allOf` (`is_part`) describes only some of the fields, so the schema around it
    rejects the others.
    """
    if isinstance(schema, list):
        return [without_other_fields(one, is_part) for one in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            copy[key] = {name: without_other_fields(one) for name, one in value.items()}
        elif key in ("allOf", "anyOf", "oneOf"):
            # The alternatives have a schema around them as well.
            copy[key] = without_other_fields(value, is_part=True)
        elif key in ("items", "additionalProperties"):
            copy[key] = without_other_fields(value)
        else:
            copy[key] = value
    if {"$ref", "allOf", "anyOf", "oneOf", "properties"}.isdisjoint(schema):
        # The fields of this object are free, or it is no object.
        copy.setdefault("additionalProperties", True)
    elif not is_part:
        copy["unevaluatedProperties"] = False
    return copy


with open(sys.argv[1], encoding="utf-8") as file:
    description = json.load(file)
components = {
    "schemas": {
        # The schemas that refer to a component reject other fields.
        name: without_other_fields(schema, is_part=True)
        for name, schema in description["components"]["schemas"].items()
    }
}
count = 0
for path, schema, example in find_examples(description):
    count += 1
    # References in the schema lead to the components.
    validator = Draft202012Validator(
        {**without_other_fields(schema), "components": components},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    for error in validator.iter_errors(example):
        print(f"{path}: {error.message}")
print(count)
