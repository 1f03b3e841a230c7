"""The page on the detector says what its stored numbers say, and these follow from the samples."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_detector", DOCS / "detector.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_numbers(page: ModuleType) -> None:
    numbers = json.loads(page.NUMBERS.read_text())
    text = page.PAGE.read_text()
    assert page.rendered(text, numbers) == text
    assert len(page.tables(numbers)) == text.count("<!-- /detector -->")
    other = json.loads(json.dumps(numbers))
    other["delphes"]["rows"][0]["value"] += 5
    assert page.rendered(text, other) != text


@pytest.mark.slow
def test_the_numbers_follow_from_the_samples(
    page: ModuleType, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other random numbers and fewer repeats, within one error of the sample."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.setattr(page, "FIGURES", tmp_path)
    monkeypatch.setattr(page, "REPEATS", 5)
    monkeypatch.setattr(page, "SEED", 2)
    stored = json.loads(page.NUMBERS.read_text())
    for name, compare in (
        ("cms", page.compare_cms),
        ("delphes", page.compare_delphes),
        ("edm4hep", page.compare_edm4hep),
    ):
        rows = compare(real_data)["rows"]
        for new, old in zip(rows, stored[name]["rows"], strict=True):
            assert (new["name"], new["sample"], new["n"]) == (old["name"], old["sample"], old["n"])
            np.testing.assert_allclose(new["value"], old["value"], rtol=1e-5, atol=old["error"])
    assert {path.stem for path in tmp_path.iterdir()} == {
        path.stem for path in (DOCS / "figures" / "detector").glob("*.svg")
    }
