"""Faults are listed all at once with the place and the likely name; defaults are filled in at every depth."""

from mscape.data.schema import fill_defaults, list_faults

SCHEMA = {
    "$defs": {"limit": {"type": "object", "properties": {"floor": {"type": "number", "default": 2}}}},
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "method": {"enum": ["auto", "harmony"], "default": "auto"},
        "limit": {"$ref": "#/$defs/limit", "default": {}},
        "lots": {"type": "array", "items": {"$ref": "#/$defs/limit"}},
    },
}


def test_defaults_are_filled_in_through_references_mappings_and_lists():
    filled = fill_defaults({"lots": [{}, {"floor": 5}]}, SCHEMA, SCHEMA)
    assert filled == {"lots": [{"floor": 2}, {"floor": 5}], "method": "auto", "limit": {"floor": 2}}


def test_a_default_is_a_copy():
    one, other = (fill_defaults({}, SCHEMA, SCHEMA) for _ in range(2))
    one["limit"]["floor"] = 9
    assert other["limit"] == {"floor": 2}


def test_all_faults_are_named_with_place_and_likely_name():
    faults = list_faults({"metod": 1, "method": "harmny", "lots": [{"floor": "x"}]}, SCHEMA)
    assert len(faults) == 3
    text = "\n".join(faults)
    assert "unknown key 'metod'; did you mean 'method'?" in text
    assert "harmony" in text
    assert "lots.0.floor" in text
