"""No output replaces an input or a file of a run, whatever name or link leads to it."""

import os
from pathlib import Path

import pytest

from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.report import write_report
from femtobarn.runs import Run, check_output


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "in.h5").write_bytes(b"mine")
    return folder


def _same(folder: Path) -> Path:
    return folder / "in.h5"


def _roundabout(folder: Path) -> Path:
    return folder / ".." / "data" / "in.h5"


def _relative(folder: Path) -> Path:
    return Path(os.path.relpath(folder / "in.h5"))


def _soft_link(folder: Path) -> Path:
    (folder.parent / "soft").symlink_to(folder / "in.h5")
    return folder.parent / "soft"


def _hard_link(folder: Path) -> Path:
    os.link(folder / "in.h5", folder.parent / "hard")
    return folder.parent / "hard"


def _through_a_linked_folder(folder: Path) -> Path:
    (folder.parent / "elsewhere").symlink_to(folder)
    return folder.parent / "elsewhere" / "in.h5"


NAMES = [_same, _roundabout, _relative, _soft_link, _hard_link, _through_a_linked_folder]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("of_a_folder", [False, True])
def test_an_input_is_known_by_every_name(data: Path, name, of_a_folder: bool) -> None:
    output = name(data)
    if of_a_folder and name is _hard_link:
        pytest.skip("the file stays in the folder under its other name")
    with pytest.raises(InputError, match="your data would be lost") as caught:
        check_output(output, [data if of_a_folder else data / "in.h5"])
    assert "\n" not in str(caught.value)


def test_a_new_file_may_stand_beside_the_inputs(data: Path) -> None:
    check_output(data / "out.h5", [data / "in.h5"])
    check_output(data / "out.h5", [data])
    (data / "out.h5").touch()
    check_output(data / "out.h5", [data / "in.h5"])  # predictions of an earlier call


OWN = ["run.json", "log.jsonl", "results.json", "lock", "figures/x.svg", "work/train/model.pt", "work", "."]


@pytest.mark.parametrize("name", OWN)
def test_files_of_a_run_are_not_written_over(tmp_path: Path, name: str) -> None:
    run = Run.create(tmp_path, system="x", preset="tiny", settings={}, seed=0)
    (tmp_path / "link").symlink_to(run.folder)
    before = (run.folder / "run.json").read_bytes()
    for folder in (run.folder, tmp_path / "link"):
        with pytest.raises(InputError, match="belongs to the run"):
            check_output(folder / name)
        with pytest.raises(InputError, match="belongs to the run"):
            write_report([run], folder / name)
    assert execute(["report", str(run.folder), "-o", str(run.folder / name)]) == 2
    assert (run.folder / "run.json").read_bytes() == before


def test_the_page_of_a_run_is_written_by_a_report_only(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="x", preset="tiny", settings={}, seed=0)
    write_report([run], run.folder / "report.html")
    write_report([run], run.folder / "another.html")
    check_output(run.folder / "predictions.h5")
    with pytest.raises(InputError, match="belongs to the run"):
        check_output(run.folder / "report.html")
