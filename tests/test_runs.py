import csv
import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from femtobarn import runs
from femtobarn.data.checksums import checksum
from femtobarn.errors import InputError
from femtobarn.runs import Provenance, Published, Result, Run, comparable
from femtobarn.settings import from_dict

mpl.use("Agg")


@dataclass(frozen=True)
class Config:
    lr: float = 1e-3
    path: Path = Path("in.csv")


def new(root: Path, **changes: object) -> Run:
    given = {"system": "emd-compression", "preset": "tiny", "settings": Config(), "seed": 7, **changes}
    return Run.create(root, **given)


# ---------------------------------------------------------------- the folder and its record


def test_a_run_tells_what_was_done(tmp_path: Path) -> None:
    run = new(tmp_path, summary="Compresses wafers.", command=["femtobarn", "run", "a b"])
    assert run.folder.parent == tmp_path / "emd-compression"
    read = Run.open(run.folder)
    assert read.record == run.record
    assert from_dict(Config, read.settings) == Config()
    assert read.record["command"] == "femtobarn run 'a b'"
    assert read.record["seed"] == 7
    assert read.record["versions"].keys() >= {"python", "numpy", "torch"}
    assert read.record["machine"]["threads"] == torch.get_num_threads()
    assert read.record["machine"]["cpu"]
    assert read.status == "running"


def test_a_run_ends_and_goes_on(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.finish("interrupted", reason="stopped by hand")
    read = Run.open(run.folder)
    assert (read.status, read.record["reason"]) == ("interrupted", "stopped by hand")
    assert read.record["ended"] >= read.record["started"]
    read.resume()
    again = Run.open(run.folder)
    assert again.status == "running"
    assert "ended" not in again.record
    again.finish("done")
    assert Run.open(run.folder).status == "done"


def test_where_the_data_come_from(tmp_path: Path) -> None:
    data = Provenance(
        kind="real", name="ttbar v11", files={"a.csv": "f" * 64}, generator={"nested": {"pileup": None}}
    )
    run = new(tmp_path)
    assert run.data is None
    run.set_data(data)
    assert Run.open(run.folder).data == data


_CREATE = """
import secrets, sys
from pathlib import Path
from femtobarn.runs import Run
names = iter(range(10**6))
secrets.token_hex = lambda _: f"{next(names):04x}"  # every process tries the same names in turn
sys.stdin.readline()
for _ in range(40):
    print(Run.create(Path(sys.argv[1]), system="x", preset="tiny", settings={}, seed=0).name)
"""


def test_runs_started_at_once_never_share_a_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CREATE, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        for process in (first, second):
            process.stdin.write("\n")
            process.stdin.flush()
        names = first.stdout.read().split() + second.stdout.read().split()
    assert len(set(names)) == 80
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", name) for name in names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a run: it has no run.json"),
        ("{", r"run\.json is damaged"),
        ("\udcff", r"run\.json is damaged"),
        ("[]", "not the record of a run"),
        ('{"format": "1"}', "not the record of a run"),
        ('{"format": 99}', r"has run format 99, this femtobarn reads up to 1: update it"),
        ('{"format": 2, "versions": {"femtobarn": "0.9"}}', r"update it to 0\.9 or later, which wrote it$"),
        ('{"format": 2, "versions": []}', "update it$"),
        ('{"format": 1, "system": "x"}', "lacks preset, seed, settings, started, status"),
    ],
)
def test_a_foreign_folder_is_refused_in_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message) as caught:
        Run.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder at"):
        Run.open(tmp_path / "missing")


def test_an_unwritable_place_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        InputError, match=r"^cannot write the run folder .*: Not a directory; choose another with --out$"
    ):
        new(tmp_path / "file")


_OVERFILL = """
import resource, signal, sys
from pathlib import Path
from femtobarn.data.checksums import checksum
from femtobarn.errors import InputError
from femtobarn.runs import Result, Run
run = Run.open(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # to a process this is a full disk
try:
    run.save_results([Result("x", 1.0, labels={"long": "y" * 8192})])
except InputError as error:
    print(error)
"""


def test_a_full_disk_is_told_in_one_line_and_harms_nothing(tmp_path: Path) -> None:
    run = new(tmp_path)
    stored = run.save_results([Result("x", 2.0)])
    command = [sys.executable, "-c", _OVERFILL, str(run.folder)]
    message = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = "cannot write the run folder .*: File too large; choose another with --out\n"
    assert re.fullmatch(expected, message)
    assert run.results() == stored
    assert not [path for path in run.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["", "../x", "a/../b", "/abs", ".hidden", "a b", "a//b"])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    run = new(tmp_path)
    for use in (run.work, run.done):
        with pytest.raises(InputError, match="a name in a run is"):
            use(name)
    with pytest.raises(InputError, match="a name in a run is"):
        new(tmp_path, system=name)


def test_a_reader_of_the_old_file_never_sees_half_of_the_new_one(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.save_results([Result("old", 1.0)])
    before = (run.folder / "results.json").read_text()
    with (run.folder / "results.json").open() as reader:
        stored = run.save_results([Result("new", 2.0)])
        assert reader.read() == before
    assert run.results() == stored


# ---------------------------------------------------------------- two users of one run

_HOLD = """
import sys
from pathlib import Path
from femtobarn.runs import Run
with Run.open(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_user_of_a_run_is_told_who_has_it(tmp_path: Path) -> None:
    run = new(tmp_path)
    command = [sys.executable, "-c", _HOLD, str(run.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert run.status == "running"
        with (
            pytest.raises(InputError, match=f"in use by process {other.pid}: wait for it or stop it"),
            run.lock(),
        ):
            pass
        other.kill()
    assert run.status == "interrupted"  # killed: it could not say so itself
    with run.lock():
        assert run.status == "running"
        with pytest.raises(InputError, match="in use"), Run.open(run.folder).lock():
            pass
    run.finish("done")
    assert run.status == "done"


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    run = new(tmp_path)
    with pytest.raises(OSError, match="mine"), run.lock():
        raise OSError("mine")
    with run.lock():
        pass


# ---------------------------------------------------------------- log, parts


def test_the_log_keeps_order_and_numbers(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.log(event="epoch", loss=np.float32(0.5), bad=math.nan, wall=math.inf, gone=None, flag=True)
    run.log(event="arrays", x=torch.arange(2), nested={"y": np.array([1.0, np.nan])}, where=Path("a"))
    first, second = run.events()
    assert first.pop("time") <= second.pop("time")
    assert math.isnan(first.pop("bad"))
    assert first == {"event": "epoch", "loss": 0.5, "wall": math.inf, "flag": True}
    assert math.isnan(second["nested"]["y"].pop())
    assert second == {"event": "arrays", "x": [0, 1], "nested": {"y": [1.0]}, "where": "a"}
    assert "NaN" not in (run.folder / "log.jsonl").read_text()
    with pytest.raises(TypeError, match="got object"):
        run.log(x=object())


def test_a_torn_line_of_the_log_is_left_out(tmp_path: Path) -> None:
    run = new(tmp_path)
    assert run.events() == []
    run.log(step=1)
    with (run.folder / "log.jsonl").open("a") as file:
        file.write('{"time": "2026-')
    run.log(step=2)
    assert [event["step"] for event in run.events()] == [1, 2]


def test_finished_parts_are_remembered(tmp_path: Path) -> None:
    run = new(tmp_path)
    assert run.done("train/seed-0") is None
    assert not (run.folder / "work").exists()  # asking leaves no trace
    run.mark_done("train/seed-0", {"loss": math.nan, "best": np.int64(3), "none": None})
    payload = Run.open(run.folder).done("train/seed-0")
    assert payload is not None
    assert math.isnan(payload.pop("loss"))
    assert payload == {"best": 3}
    assert run.work("train/seed-0").is_dir()


def test_trained_parts_are_found_by_name(tmp_path: Path) -> None:
    run = new(tmp_path)
    with pytest.raises(InputError, match="no trained model: finish it"):
        run.trained()
    for name in ("gapt-seed2", "gapt-seed1"):
        (run.work(name) / "model.pt").touch()
    run.work("mpgan-seed1")  # stopped before its end
    assert [folder.name for folder in run.trained()] == ["gapt-seed1", "gapt-seed2"]
    assert run.trained("gapt-seed2") == [run.folder / "work" / "gapt-seed2"]
    with pytest.raises(InputError, match="no model 'gpt-seed1': did you mean gapt-seed1"):
        run.trained("gpt-seed1")


# ---------------------------------------------------------------- results

text = st.text(max_size=8)
results = st.fixed_dictionaries(
    {
        "name": text,
        "value": st.floats(allow_nan=False),
        "error": st.none() | st.floats(allow_nan=False),
        "unit": text,
        "n": st.integers(0, 10**12),
        "split": text,
        "data": st.sampled_from(("real", "stand-in")),
        "labels": st.dictionaries(text, text, max_size=3),
        "seeds": st.lists(st.integers(), max_size=3).map(tuple),
        "error_kind": text,
    }
)


@given(fields=st.lists(results, max_size=3))
def test_results_survive_the_folder(
    tmp_path_factory: pytest.TempPathFactory, fields: list[dict[str, object]]
) -> None:
    stored = [Result(**each) for each in fields]
    run = new(tmp_path_factory.mktemp("run"))
    assert run.results() == []
    run.save_results(stored)
    assert run.results() == stored


def test_nan_is_null_in_the_file_and_nan_again(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.save_results(
        [Result("nan", math.nan, math.nan), Result("none", 0.5, n=3)],
        published=[Published("nan", 1.0, data="x")],
    )
    entry = json.loads((run.folder / "results.json").read_text())["results"][0]
    assert (entry["name"], entry["value"], entry["error"]) == ("nan", None, None)
    first, second = run.results()
    assert first.name == "nan"
    assert math.isnan(first.value)
    assert first.error is not None
    assert math.isnan(first.error)
    assert (second.value, second.error, second.n) == (0.5, None, 3)
    assert run.published() == [Published("nan", 1.0, data="x")]


def test_a_result_is_of_the_runs_data_unless_it_says_otherwise(tmp_path: Path) -> None:
    run = new(tmp_path)
    numbers = [Result("own", 1.0), Result("second sample", 2.0, data="stand-in")]
    assert run.kind == "stand-in"  # as long as nobody has said
    assert [result.data for result in run.save_results(numbers)] == ["stand-in", "stand-in"]
    run.set_data(Provenance(kind="real", name="ttbar v11"))
    assert run.kind == Run.open(run.folder).kind == "real"
    stored = run.save_results(numbers)
    assert [result.data for result in stored] == ["real", "stand-in"]
    assert run.results() == stored


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"results": [1]}', '{"results": [{"name": "x", "value": "y"}]}', '{"results": 1}'],
)
def test_damaged_results_are_told_in_one_line(tmp_path: Path, content: str) -> None:
    run = new(tmp_path)
    (run.folder / "results.json").write_text(content)
    with pytest.raises(InputError, match=r"results\.json is damaged") as caught:
        run.results()
    assert "\n" not in str(caught.value)


def test_only_the_same_real_data_are_comparable() -> None:
    number = Published("mean EMD", 1.17, data="ttbar v11", source="arXiv:2306.04712")
    real = Provenance(kind="real", name="ttbar v11")
    assert comparable(real, number)
    assert not comparable(replace(real, kind="stand-in"), number)
    assert not comparable(replace(real, name="electron gun"), number)
    assert not comparable(None, number)


def test_a_published_number_matches_by_name_unit_and_its_labels() -> None:
    number = Published("mean EMD", 1.17, unit="pitch", labels={"loss": "telescope"})
    ours = Result("mean EMD", 1.2, unit="pitch", labels={"loss": "telescope", "e-links": "5"})
    assert number.matches(ours)
    assert not number.matches(replace(ours, labels={"loss": "EMD"}))
    assert not number.matches(replace(ours, unit="cm"))
    assert not number.matches(replace(ours, name="median EMD"))


# ---------------------------------------------------------------- figures


def draw(points: int = 3) -> "pyplot.Figure":
    figure, axes = pyplot.subplots()
    x = np.linspace(0, 1, points)
    axes.scatter(x, x, label="γ → e⁺e⁻")
    axes.legend()
    return figure


def save(run: Run, name: str, figure: "pyplot.Figure", **changes: object) -> None:
    given = {
        "title": "T",
        "caption": "C",
        "section": "S",
        "data": {"x": [1, 2], "y": [0.1, np.nan]},
        **changes,
    }
    run.save_figure(name, figure, **given)


def test_a_figure_comes_with_its_numbers(tmp_path: Path) -> None:
    run = new(tmp_path)
    assert run.figures() == []
    figure = draw()
    save(run, "b", figure, data={"x, in mm": ["a", 'b"'], "y": [0.1, np.nan]})
    save(run, "a", draw())
    save(run, "b", draw(), title="new", data={"x, in mm": ["a", 'b"'], "y": [0.1, np.nan]})
    first, second = run.figures()
    assert (first.name, first.title, second.name) == ("b", "new", "a")
    with first.csv.open(newline="") as file:
        assert list(csv.reader(file)) == [["x, in mm", "y"], ["a", "0.1"], ['b"', "nan"]]
    assert "γ → e⁺e⁻" in first.svg.read_text(encoding="utf-8")  # text stays text
    assert not pyplot.fignum_exists(figure.number)


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    run = new(tmp_path)
    save(run, "a", draw())
    save(run, "b", draw())
    first, second = (figure.svg.read_bytes() for figure in run.figures())
    assert first == second
    assert b"<dc:date>" not in first


def test_many_points_are_drawn_as_one_image(tmp_path: Path) -> None:
    run = new(tmp_path)
    save(run, "many", draw(200_000))
    save(run, "few", draw(1000))
    many, few = (figure.svg for figure in run.figures())
    assert "data:image/png" in many.read_text()
    assert many.stat().st_size < 100_000
    assert "data:image/png" not in few.read_text()


@pytest.mark.parametrize("data", [{}, {"x": [1], "y": [1, 2]}, {"x": [[1]]}, {"x": 1.0}])
def test_the_numbers_drawn_are_columns_of_one_length(tmp_path: Path, data: dict[str, object]) -> None:
    run = new(tmp_path)
    figure = draw()
    with pytest.raises(InputError, match="columns of one length"):
        save(run, "a", figure, data=data)
    pyplot.close(figure)


OUTSIDE = '[{"name": "../../x", "title": "T", "caption": "C", "section": "S"}]'


@pytest.mark.parametrize("content", [OUTSIDE, '[{"name": "x", "odd": 1}]', "[1]", "{"])
def test_a_damaged_index_of_figures_is_told(tmp_path: Path, content: str) -> None:
    run = new(tmp_path)
    (run.folder / "figures").mkdir()
    (run.folder / "figures" / "index.json").write_text(content)
    with pytest.raises(InputError, match=r"index\.json is damaged"):
        run.figures()


def test_importing_runs_is_cheap() -> None:
    code = "import sys, femtobarn.runs; print(sorted({'torch', 'matplotlib'} & sys.modules.keys()))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_format_is_written(tmp_path: Path) -> None:
    assert json.loads((new(tmp_path).folder / "run.json").read_text())["format"] == runs.FORMAT == 1


def test_provenance_of_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    one, two = tmp_path / "one.h5", folder / "two.h5"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    found = Provenance.of_files("own", [one, folder])
    assert (found.kind, found.name, found.source) == ("real", "own", f"{one}, {folder}")
    assert found.files == {str(one): checksum(one), str(two): checksum(two)}
    assert len(set(found.files.values())) == 2
    with pytest.raises(InputError, match=r"none\.h5"):
        Provenance.of_files("own", [tmp_path / "none.h5"])
