"""Writes json_schema.json: schemas, texts, and whether jsonschema accepts each. Run: python tests/golden/json_schema.py
(jsonschema 4.26)."""

import json
import pathlib

import jsonschema

SCHEMAS = {
    "person": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 120}, "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2}}, "required": ["name", "age"]},
    "tree": {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"value": {"type": "number"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["value"], "additionalProperties": False}}},
    "choice": {"anyOf": [{"type": "null"}, {"enum": ["a", "b \"q\"", 3, None, [1, {"x": 2}]]}, {"const": True}, {"type": "string", "minLength": 2, "maxLength": 3}]},
    "shapes": {"oneOf": [{"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]}, {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number"}}, "required": ["kind"]}]},
    "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}, "minItems": 1, "maxItems": 4},
    "closed": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    "pattern": {"type": "string", "pattern": "^(ab|c[d-f]{2})\\d+[^x]?$"},
    "free": {"type": "string", "pattern": "\\d-\\d"},
    "formats": {"type": "array", "items": {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "uuid"}]}},
    "range": {"type": "integer", "exclusiveMinimum": -17, "maximum": 1203},
    "small": {"type": "integer", "minimum": 7},
    "map": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
    "optional": {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}, "c": {"type": "boolean"}}, "additionalProperties": False},
    "extra": {"type": "object", "properties": {"a": {}}, "required": ["z"]},
    "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    "any": {},
    "values": {"enum": [1, "1", None], "type": "string"},
}
VALUES = [
    None, True, False, 0, 1, 3, 7, 8, 12, -3, -16, -17, 99, 120, 121, 1203, 1204, 1000, 999, 2.5, -0.25, "", "a", "ab", "abc", "abcd", "b \"q\"", "1", "ab12", "cde7y", "cde7x", "cdz7", "x1-2y", "1-2", "é\n", "\U0001f600\U0001f600", "2024-02-28", "2024-13-01", "123e4567-e89b-12d3-a456-426614174000",
    [], [1], ["x"], [1, "x"], [1, "x", True], [1, "x", True, False], [1, "x", True, False, True], [1, 2], [1, 2, 3], [1, 2, 3, 4], [1, {"x": 2}], ["2024-02-28", "123e4567-e89b-12d3-a456-426614174000"],
    {}, {"name": "Jo", "age": 5}, {"name": "Jo", "age": 121}, {"name": "Jo"}, {"name": "Jo", "age": 5, "tags": ["a", "b"]}, {"name": "Jo", "age": 5, "tags": ["a", "b", "c"]}, {"name": 5, "age": 5},
    {"value": 1, "children": [{"value": 2.5, "children": []}, {"value": 3}]}, {"value": 1, "children": [{"children": []}]}, {"value": 1, "other": 2},
    {"kind": "circle", "r": 2}, {"kind": "square"}, {"kind": "square", "side": 1}, {"kind": "circle"}, {"kind": "line"},
    {"a": 1, "b": None}, {"a": True}, {"b": True, "c": False}, {"a": True, "b": False, "c": True}, {"a": 1, "z": [{}]}, {"z": 1}, {"a": "x"},
]
TEXTS = ["", "nul", "01", "+1", "1.", ".5", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "\"a", "\"\t\"", "'a'", "tru", "{,}", "[1 2]", "-", "\"\\x\"", "\"\\ud800\"", "1 2"]

cases = {}
for name, schema in SCHEMAS.items():
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date", "uuid"]))
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = [json.dumps(value, ensure_ascii=i % 2 == 0 and "\U0001f600" not in repr(value), separators=(",", ":"), indent=2 if i % 3 == 0 else None) for i, value in enumerate(VALUES) if validator.is_valid(value)]
    invalid = [json.dumps(value, ensure_ascii=False) for value in VALUES if not validator.is_valid(value)] + TEXTS
    cases[name] = {"schema": schema, "valid": valid, "invalid": invalid}
path = pathlib.Path(__file__).with_name("json_schema.json")
path.write_text(json.dumps(cases, ensure_ascii=False, indent=0) + "\n")
print({name: (len(case["valid"]), len(case["invalid"])) for name, case in cases.items()})
