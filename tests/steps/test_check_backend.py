import json
from types import SimpleNamespace

import pytest

import check_backend
from mscape.backends import gpu
from mscape.errors import UserError


def test_the_card_is_recorded(tmp_path, monkeypatch):
    runtime = SimpleNamespace(
        getDevice=lambda: 0,
        getDeviceProperties=lambda number: {"name": b"Card of a test"},
        memGetInfo=lambda: (30_000_000_000, 40_000_000_000),
        runtimeGetVersion=lambda: 13000,
    )
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    rsc = SimpleNamespace(__version__="0.18.1")
    monkeypatch.setattr(gpu, "libraries", lambda: (cupy, rsc, None))
    monkeypatch.setattr(gpu, "load", lambda: None)
    check_backend.main(SimpleNamespace(), SimpleNamespace(json=tmp_path / "backend.json"), SimpleNamespace())
    assert json.loads((tmp_path / "backend.json").read_text()) == {
        "card": "Card of a test",
        "memory_gb": 40.0,
        "free_gb": 30.0,
        "cuda": "13000",
        "rapids_singlecell": "0.18.1",
    }


def test_without_a_card_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="set backend: cpu"):
        check_backend.main(SimpleNamespace(), SimpleNamespace(json=tmp_path / "backend.json"), SimpleNamespace())
    assert not (tmp_path / "backend.json").exists()
