"""The page on showers says what its stored numbers say, and these follow from the simulation."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_showers", DOCS / "showers.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_numbers(page: ModuleType) -> None:
    numbers = json.loads(page.NUMBERS.read_text())
    text = page.PAGE.read_text()
    assert page.rendered(text, numbers) == text
    assert len(page.tables(numbers)) == text.count("<!-- /showers -->")
    other = json.loads(json.dumps(numbers))
    other["beams"][0]["response"][0] += 5
    assert page.rendered(text, other) != text


def test_the_fits_are_those_of_the_beams(page: ModuleType) -> None:
    numbers = json.loads(page.NUMBERS.read_text())
    again = page.fits(numbers["beams"])
    for engine, found in numbers["fits"].items():
        for name, value in found.items():
            np.testing.assert_allclose(
                list(again[engine][name].values()) if isinstance(value, dict) else again[engine][name],
                list(value.values()) if isinstance(value, dict) else value,
                rtol=1e-3,
                atol=1e-5,
            )


def test_a_resolution_is_fitted_back(page: ModuleType) -> None:
    energy = np.array([1.0, 3.0, 10.0, 30.0, 100.0])
    sigma = np.sqrt(0.16**2 / energy + 0.01**2)
    rows = [{"energy": e, "resolution": [s, 0.01 * s]} for e, s in zip(energy, sigma, strict=True)]
    fit = page.resolution_fit(rows)
    assert fit["a"][0] == pytest.approx(0.16)
    assert fit["b"][0] == pytest.approx(0.01)
    without = [{"energy": e, "resolution": [0.16 / e**0.5, 0.001]} for e in energy]
    assert page.resolution_fit(without)["b"][0] == pytest.approx(0.0, abs=1e-4)


def test_e_over_h_is_fitted_back(page: ModuleType) -> None:
    energy = np.array([5.0, 10.0, 50.0])
    response = 0.9 * (1 - (1 - 1 / 1.4) * energy ** (-0.18))
    rows = [{"energy": e, "response": [r, 0.01]} for e, r in zip(energy, response, strict=True)]
    assert page.e_over_h(rows, 0.9)[0] == pytest.approx(1.4)


def test_radius_of_90_percent(page: ModuleType) -> None:
    n = 1000
    radius = np.tile(np.arange(1, n + 1, dtype=np.float32), 2)
    shower = np.repeat(np.arange(2, dtype=np.int32), n)
    order = np.random.default_rng(1).permutation(2 * n)
    ones = np.ones(2 * n, np.float32)
    spots = page.Spots(shower[order], shower.astype(np.int16), radius[order], ones, ones)
    found = page.r90(spots, 3)
    np.testing.assert_allclose(found[:2], 900, atol=1)
    assert np.isnan(found[2])


@pytest.mark.slow
def test_the_numbers_follow_from_the_simulation(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cheapest beams of GFLASH again, with another seed: within errors."""
    monkeypatch.setattr(page, "SEED", 2)
    monkeypatch.setattr(page, "FAST", 500)
    rows = json.loads(page.NUMBERS.read_text())["beams"]
    for case in page.CASES:
        energy = min(case.showers)
        (old,) = [row for row in page.beams(rows, case.name, "GFLASH") if row["energy"] == energy]
        new = page.measure(case, energy, "GFLASH")
        for name in ("response", "resolution", "centroid", "radius of 90 %"):
            error = np.hypot(old[name][1], new[name][1])
            assert abs(old[name][0] - new[name][0]) < 4.5 * error + 1e-4, (case.name, name)
