"""HIGGS of the UCI repository, and the published outputs of weak classifiers."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from femtobarn.datasets import diphotons, higgs
from femtobarn.errors import InputError


def lines(count: int) -> list[str]:
    draw = np.random.default_rng(1)
    return [
        ",".join([f"{i % 2:.18e}", *(f"{value:.18e}" for value in draw.normal(size=28))])
        for i in range(count)
    ]


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_files_as_published_and_with_a_header(tmp_path: Path, header: bool, packed: bool) -> None:
    path, rows = tmp_path / "HIGGS.csv", lines(6)
    head = [",".join(("label", *higgs.FEATURES))] if header else []
    text = ("\n".join(head + rows) + "\n").encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    source = higgs.open_higgs(path)
    columns = source.read(["features", "label"], 0, 6)
    np.testing.assert_array_equal(columns["label"], [0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(columns["features"][2], np.array(rows[2].split(",")[1:], float))
    assert len(higgs.open_higgs(path, rows=3)) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got none"),
        ("1,2,3\n", "29 columns"),
        ("a,b\n1,2\n", "expected columns label"),
        (lines(1)[0], "without an end"),
        ("2" + lines(2)[1][1:] + "\n", "labels 0 or 1"),
        ("x" + lines(1)[0] + "\n", "expected columns"),
        (lines(1)[0].replace("e", "q", 3) + "\n", "not a readable CSV"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "HIGGS.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        higgs.open_higgs(path)


def test_the_real_rows(real_data: Path) -> None:
    source = higgs.open_higgs(real_data / "higgs_uci" / "higgs_train_10k.csv.gz")
    columns = source.read(["features", "label"], 0, len(source))
    assert columns["features"].shape == (10_000, 28)
    assert columns["label"].mean() == pytest.approx(0.5295)


def test_published_outputs_are_read_with_spaces_or_commas(tmp_path: Path) -> None:
    outputs = np.random.default_rng(1).uniform(-1, 1, (5, 4))
    np.savetxt(tmp_path / "sig.csv", outputs)
    np.savetxt(tmp_path / "bkg.csv", -outputs, delimiter=",")
    columns = diphotons.open_outputs(tmp_path / "sig.csv", tmp_path / "bkg.csv").read(
        ["features", "label"], 0, 10
    )
    np.testing.assert_array_equal(columns["features"], np.concatenate([outputs, -outputs]))
    assert columns["label"].tolist() == [1] * 5 + [0] * 5
    np.savetxt(tmp_path / "short.csv", outputs[:, :3])
    np.savetxt(tmp_path / "large.csv", 3 * outputs)
    for name, words in (
        ("short", "as many columns"),
        ("large", r"in \[-1, 1\]"),
        ("missing", "no such file"),
    ):
        with pytest.raises(InputError, match=words):
            diphotons.open_outputs(tmp_path / "sig.csv", tmp_path / f"{name}.csv")


def test_the_toy_has_the_selection_and_is_the_same_again() -> None:
    one, again = (diphotons.stand_in(2000, seed=3).read(["features", "label"], 0, 2000) for _ in range(2))
    np.testing.assert_array_equal(one["features"], again["features"])
    x = one["features"]
    assert (x[:, 0] >= x[:, 1]).all()
    assert (x[:, 0] * 127.5 > 32).all()
    assert (x[:, 1] * 127.5 > 25).all()
    np.testing.assert_allclose(x[:, 2], x[:, 0] + x[:, 1])
    # The mass of two massless photons from pT, delta eta and delta R: 2 pT1 pT2 (cosh - cos).
    phi = np.sqrt(np.maximum(x[:, 6] ** 2 - x[:, 5] ** 2, 0))
    np.testing.assert_allclose(2 * x[:, 0] * x[:, 1] * (np.cosh(x[:, 5]) - np.cos(phi)), 1, rtol=1e-9)
    with pytest.raises(InputError):
        diphotons.stand_in(1, seed=1)
