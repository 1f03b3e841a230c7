"""The page on the tracker says what its stored numbers say, and these follow from the samples."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tracker", DOCS / "tracker.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_numbers(page: ModuleType) -> None:
    numbers = json.loads(page.NUMBERS.read_text())
    text = page.PAGE.read_text()
    assert page.rendered(text, numbers) == text
    assert len(page.tables(numbers)) == text.count("<!-- /tracker -->")
    other = json.loads(json.dumps(numbers))
    other["tracks"][0]["majority"] -= 0.5
    assert page.rendered(text, other) != text


@pytest.mark.slow
def test_the_numbers_follow_from_the_samples(
    page: ModuleType, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other random numbers, within what they change."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.setattr(page, "FIGURES", tmp_path)
    monkeypatch.setattr(page, "SEED", 2)
    stored = json.loads(page.NUMBERS.read_text())
    hits, counts, ours = page.full_event(real_data)
    for new, old in zip(page.occupancy(hits, ours)["rows"], stored["occupancy"]["rows"], strict=True):
        assert new["real"] == old["real"]
        assert new["ours"] == pytest.approx(old["ours"], abs=6 * np.sqrt(old["ours"]))
    for new, old in zip(page.hits_of_primaries(counts, ours), stored["primaries"], strict=True):
        assert new["ours"] == pytest.approx(old["ours"], abs=6 * old["error"])
    real, copies = page.small_event(real_data)
    for new, old in zip(page.clusters(real, copies), stored["clusters"], strict=True):
        assert new["cells real"] == pytest.approx(old["cells real"], rel=1e-5)
        assert new["cells ours"] == pytest.approx(old["cells ours"], rel=0.05)
    for new, old in zip(page.found(real), stored["tracks"], strict=True):
        assert new["double majority"] == pytest.approx(old["double majority"], abs=0.06)
        assert new["fakes"] == pytest.approx(old["fakes"], abs=0.02)
    assert {path.stem for path in tmp_path.iterdir()} == {
        path.stem for path in (DOCS / "figures" / "tracker").glob("*.svg")
    }
