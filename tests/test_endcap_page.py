"""The page on the endcap says what its stored numbers say, and these follow from the simulation."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from femtobarn.simulate.showers import endcap_like, gflash

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_endcap", DOCS / "endcap.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_that_of_the_numbers(page: ModuleType) -> None:
    rows, text = json.loads(page.NUMBERS.read_text()), page.PAGE.read_text()
    assert page.rendered(text, rows) == text
    rows[0]["response"][0] += 5
    assert page.rendered(text, rows) != text


def test_electromagnetic_numbers_of_both_engines_agree(page: ModuleType) -> None:
    rows = json.loads(page.NUMBERS.read_text())
    for name, energy in (("electron", 1.0), ("electron", 30.0), ("photon", 10.0)):
        ours, theirs = (page.find(rows, name, energy, engine) for engine in page.ENGINES)
        assert ours["response"][0] == pytest.approx(theirs["response"][0], abs=0.04)
        assert ours["resolution"][0] == pytest.approx(theirs["resolution"][0], rel=0.25)
        assert ours["depth"][0] == pytest.approx(theirs["depth"][0], abs=0.5)


def test_the_numbers_of_gflash_follow_from_the_simulation(page: ModuleType) -> None:
    rows = json.loads(page.NUMBERS.read_text())
    for beam in (page.BEAMS[0], page.BEAMS[4]):
        generator = np.random.default_rng(7)
        spots = gflash(np.full(400, beam.energy), endcap_like(), generator=generator, pdg=beam.pdg)
        again, stored = (
            page.measure(beam, "GFLASH", spots, 400),
            page.find(rows, beam.name, beam.energy, "GFLASH"),
        )
        for key in ("response", "front", "depth"):
            error = np.hypot(again[key][1], stored[key][1])
            assert again[key][0] == pytest.approx(stored[key][0], abs=4 * error), key
