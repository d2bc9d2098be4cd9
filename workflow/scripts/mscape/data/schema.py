"""JSON schemas: read one, list the faults of a value, fill in defaults."""

from __future__ import annotations

import copy
import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from mscape.data import yaml_file

if TYPE_CHECKING:
    from jsonschema import ValidationError


def list_faults(value: object, schema: dict[str, Any]) -> list[str]:
    """Describe each place where a value does not fit its JSON Schema, in the order of the file."""
    errors = Draft202012Validator(schema).iter_errors(value)
    return [line for error in sorted(errors, key=lambda e: [str(p) for p in e.absolute_path]) for line in _say(error)]


def fill_defaults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Copy a value with the defaults of its schema filled in, in nested mappings and lists too."""
    schema = _follow(schema, root)
    if isinstance(value, list):
        return [fill_defaults(item, schema.get("items", {}), root) for item in value]
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    filled = {}
    properties = schema.get("properties", {})
    other = schema.get("additionalProperties", {})
    for key, item in value.items():
        filled[key] = fill_defaults(item, properties.get(key, other if isinstance(other, dict) else {}), root)
    for key, sub in properties.items():
        sub = _follow(sub, root)
        if key not in filled and "default" in sub:
            filled[key] = fill_defaults(sub["default"], sub, root)
    return filled


def load_schema(path: Path) -> dict[str, Any]:
    """Read a JSON Schema written as YAML."""
    schema: dict[str, Any] = yaml_file.read(path)
    return schema


def _follow(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _say(error: ValidationError) -> list[str]:
    place = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        lines = []
        for key in unknown:
            guess = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
            hint = f"did you mean {guess[0]!r}?" if guess else f"expected one of {', '.join(known)}"
            lines.append(f"{place}: unknown key {key!r}; {hint}")
        return lines
    if error.validator in {"oneOf", "anyOf"} and "required" in str(error.schema.get(error.validator)):
        wanted = " or ".join(repr(option["required"][0]) for option in error.schema[error.validator])
        return [f"{place}: expected exactly one of {wanted}"]
    if error.validator == "required":
        return [f"{place}: {error.message.replace(' is a required property', '')} is missing"]
    if error.validator == "enum":
        options = ", ".join(map(str, error.validator_value))
        guess = difflib.get_close_matches(str(error.instance), list(map(str, error.validator_value)), n=1)
        return [
            f"{place}: {error.instance!r}; expected one of {options}"
            + (f"; did you mean {guess[0]!r}?" if guess else "")
        ]
    return [f"{place}: {error.message}"]
