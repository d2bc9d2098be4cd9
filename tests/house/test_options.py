"""The options of each room are the keys and defaults of its config section, and nothing else."""

import dataclasses
import importlib

import pytest

from mscape import paths
from mscape.data.schema import fill_defaults, load_schema
from mscape.simulation.options import SimulateOptions
from mscape.tracking.options import TrackOptions

OPTIONS = {
    "qc": "quality.options.QcOptions",
    "embed": "embedding.options.EmbedOptions",
    "gate": "gating.options.GateOptions",
    "cluster": "clustering.options.ClusterOptions",
    "score": "scoring.options.ScoreOptions",
    "compare": "comparison.options.CompareOptions",
    "passport": "passports.options.PassportOptions",
    "reference": "reference.options.ReferenceOptions",
    "report": "report.options.ReportOptions",
}


@pytest.mark.parametrize("section", OPTIONS)
def test_options_equal_the_schema_of_their_section(section):
    module, _, name = OPTIONS[section].rpartition(".")
    options = dataclasses.asdict(getattr(importlib.import_module(f"mscape.{module}"), name)())
    schema = load_schema(paths.schema("config.schema.yaml"))
    stated = fill_defaults({}, schema["$defs"][section], schema)
    assert {key: list(v) if isinstance(v, tuple) else v for key, v in options.items()} == stated


def test_options_of_the_control_charts_equal_the_schema():
    schema = load_schema(paths.schema("config.schema.yaml"))
    stated = fill_defaults({}, schema["properties"]["track"], schema)
    options = dataclasses.asdict(TrackOptions())
    assert {key: list(v) if isinstance(v, tuple) else v for key, v in options.items()} == stated


def test_options_of_a_simulated_lot_equal_the_schema():
    schema = load_schema(paths.schema("config.schema.yaml"))
    stated = fill_defaults({"lots": []}, schema["$defs"]["simulate"], schema)
    of_the_study = {"seed", "genes", "lots"}
    assert dataclasses.asdict(SimulateOptions()) == {k: v for k, v in stated.items() if k not in of_the_study}
