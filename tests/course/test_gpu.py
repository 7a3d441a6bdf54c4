"""`make gpu` without a GPU: what it says, what it skips, and that it names cells that exist."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
from helpers import REPOSITORY


@pytest.fixture
def gpu(monkeypatch):
    """The script as a module; what it changes in this process is taken back."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    spec = importlib.util.spec_from_file_location("gpu", REPOSITORY / "benchmarks/gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return module


def test_without_a_gpu_it_says_so_and_measures_nothing(gpu, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit):
        gpu.main(["--results", str(tmp_path / "gpu.json")])
    assert "expected a GPU that PyTorch can use, found none" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named_and_what_fails_is_told(gpu, tmp_path, monkeypatch):
    def lacks(options, enough):
        import no_such_grader  # noqa: F401

    def breaks(options, enough):
        raise ValueError("no reviews here")

    def grades(options, enough):
        assert enough(0)
        assert not enough(60 * gpu.MINUTES)
        return {"students": {"reference": {"points": 20.0, "expected": 22.0}}}

    file = tmp_path / "gpu.json"
    for parts, code in [
        ({"layers": lambda *_: {}, "class": lacks, "networks": lambda *_: {}}, 0),
        ({"layers": lambda *_: {}, "class": lacks, "networks": breaks}, 1),
        ({"layers": lambda *_: {}, "class": grades, "networks": lambda *_: {}}, 1),
    ]:
        monkeypatch.setattr(gpu, "PARTS", parts)
        assert gpu.main(["--device", "cpu", "--quick", "--results", str(file)]) == code
        found = json.loads(file.read_text())
        assert found["device"] == "cpu"
        assert found["gpu"] is None
        if parts["class"] is lacks:
            assert found["class"] == "skipped: no_such_grader is not installed"
        if parts["networks"] is breaks:
            assert found["networks"] == "failed: ValueError: no reviews here"


def test_layers_are_timed(gpu):
    options = type("Options", (), {"quick": True, "device": "cpu"})
    gpu.BATCH, gpu.STEPS, gpu.SIZE = 2, 3, 4
    found = gpu.time_layers(options, lambda seconds: True)
    assert {"RNN", "LSTM", "GRU"} < set(found)
    assert all(times["cpu"] > 0 for times in found.values())


def test_every_cell_that_it_runs_is_in_its_lecture(gpu):
    for lecture, cells, *_ in gpu.NETWORKS.values():
        (path,) = (REPOSITORY / "lectures").glob(f"{lecture}_*.ipynb")
        ids = [cell["id"] for cell in json.loads(path.read_text())["cells"]]
        places = [ids.index(cell) for cell in cells.split()]
        assert places == sorted(places), lecture


def test_a_cell_runs_with_the_seed_and_the_code_before_it(gpu, tmp_path, monkeypatch):
    (tmp_path / "lectures").mkdir()
    cells = [{"id": "a", "source": ["x = 1\n", "SEED = 0\n"]}, {"id": "b", "source": ["y = x + z"]}]
    (tmp_path / "lectures/03_x.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.setattr(gpu.recipes, "REPOSITORY", tmp_path)
    names = gpu.run_cells("03", "a b", "z = 40 + SEED", 1)
    assert names["y"] == 42


def test_a_package_for_figures_may_be_missing(gpu, monkeypatch):
    finder = gpu.StandIns()
    assert finder.find_spec("torch") is None
    monkeypatch.setattr(gpu, "FOR_FIGURES", {"no_such_plots"})
    sys.meta_path.append(finder)
    namespace: dict = {}
    exec("import no_such_plots.pyplot as plt\nfrom no_such_plots.auto import tqdm", namespace)
    namespace["plt"].figure(figsize=(3, 4)).show()
    bar = namespace["tqdm"](range(3), desc="epochs")
    assert list(bar) == [0, 1, 2]
    bar.update()
    assert not gpu._installed("no_such_plots")
    for name in [name for name in sys.modules if name.startswith("no_such_plots")]:
        del sys.modules[name]
