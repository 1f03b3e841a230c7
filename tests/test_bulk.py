"""Predictions of many files: those of each file alone, whoever makes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from endcap_files import some_hits
from femtobarn import recipe
from femtobarn.bulk import predict_each
from femtobarn.cli.command import execute
from femtobarn.datasets import hgcalml
from femtobarn.errors import InputError

NAME = "object-condensation"


def inputs(folder: Path) -> list[Path]:
    files = [folder / f"{name}.h5" for name in ("first", "second")]
    for seed, file in enumerate(files):
        hgcalml.write_hits(file, hgcalml.of_endcap(*some_hits(1, seed=seed)))
    return files


def content(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return {name: column[:] for name, column in file.items()} | dict(file.attrs)


def test_each_file_has_the_output_it_has_alone(tiny_run: Callable[[str], Any], tmp_path: Path) -> None:
    run, files = tiny_run(NAME), inputs(tmp_path)
    outputs = predict_each(run, files, tmp_path / "new" / "{}.h5", workers=1, progress=False)
    assert outputs == [tmp_path / "new" / f"{file.stem}.h5" for file in files]
    for file, output in zip(files, outputs, strict=True):
        alone = content(recipe.predict(run, [file], tmp_path / "alone.h5", progress=False))
        found = content(output)
        assert alone.keys() == found.keys()
        assert len(found["shower"]) > 0
        for name in {*alone} - {"files"}:
            np.testing.assert_array_equal(found[name], alone[name], err_msg=name)


def test_outputs_that_would_replace_something_are_refused(
    tiny_run: Callable[[str], Any], tmp_path: Path
) -> None:
    run, files = tiny_run(NAME), inputs(tmp_path)
    before = [file.read_bytes() for file in files]
    with pytest.raises(InputError, match="is one of the inputs"):
        predict_each(run, files, tmp_path / f"{{}}{files[0].suffix}")
    with pytest.raises(InputError, match="two inputs would be written to"):
        predict_each(run, [files[0], files[0]], tmp_path / "out-{}.h5")
    with pytest.raises(InputError, match=r"first\.h5"):
        predict_each(run, files, files[0] / "{}.h5")  # a file where a folder is wanted
    with pytest.raises(InputError, match="no file given"):
        predict_each(run, [], tmp_path / "{}.h5")
    assert [file.read_bytes() for file in files] == before


def test_several_processes_want_an_output_for_each_file(
    tiny_run: Callable[[str], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, files = tiny_run(NAME), inputs(tmp_path)
    command = ["predict", str(run.folder), *map(str, files)]
    assert execute([*command, "-o", str(tmp_path / "all.h5"), "--workers", "2"]) == 2
    assert "out/{}.h5" in capsys.readouterr().err
    assert execute([*command, "-o", str(tmp_path / "{}-found.h5")]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [str(tmp_path / f"{file.stem}-found.h5") for file in files]
