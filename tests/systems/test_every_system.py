"""What every system must hold, found by `all_systems`; the files beside this one hold the physics of each."""

import ast
import csv
import dataclasses
import importlib
import inspect
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from browser import Browser
from child_process import started
from femtobarn import recipe as recipes
from femtobarn import systems
from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.runs import Result, Run

OWN = [s for s in recipes.all_systems().values() if s.package.startswith(f"{systems.__name__}.")]
TIMES = {"s", "ms", "us", "ns", "MB"}  #: units of what the machine decides, not the seed

TinyRun = Callable[[str], Run]

each_system = pytest.mark.parametrize("system", OWN, ids=lambda system: system.name)


def _numbers(run: Run) -> list[Result]:
    return [result for result in run.results() if not _is_time(result)]


def _is_time(result: Result) -> bool:
    return result.unit in TIMES or any(
        word in TIMES for label in result.labels.values() for word in label.split()
    )


# Settings


@each_system
def test_presets_stand_in_their_order_and_differ(system: recipes.System) -> None:
    presets = system.recipe().PRESETS
    assert list(presets)[: len(recipes.PRESETS)] == list(recipes.PRESETS)
    each = [presets[name] for name in recipes.PRESETS]
    assert all(one != two for one, two in itertools.pairwise(each))
    assert presets["tiny"].seed == presets["demo"].seed, "both are quoted, and have the same seed"


def _groups(config: type) -> Iterator[type]:
    """A dataclass of settings and, once each, those within it."""
    yield config
    for hint in typing.get_type_hints(config).values():
        for kind in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(kind):
                yield from _groups(typing.cast(type, kind))


def _told(config: type) -> set[str]:
    """Settings with a docstring under them or a comment beside them: what ``--help`` shows."""
    source = textwrap.dedent(inspect.getsource(config))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    told = set()
    for statement, after in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            docstring = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if docstring or "#" in source.splitlines()[(statement.end_lineno or 1) - 1]:
                told.add(statement.target.id)
    return told


@each_system
def test_each_setting_says_what_it_is(system: recipes.System) -> None:
    for config in _groups(system.recipe().Config):
        hints = typing.get_type_hints(config)
        fields = [field.name for field in dataclasses.fields(config)]
        told = set().union(*(_told(part) for part in config.__mro__ if dataclasses.is_dataclass(part)))
        values = {name for name in fields if not dataclasses.is_dataclass(hints[name])}
        assert values <= told, f"{config.__name__}: {values - told}"
        assert config.__doc__
        assert not config.__doc__.startswith(f"{config.__name__}("), f"{config.__name__} has no docstring"


@each_system
def test_settings_that_no_machine_can_serve_are_refused_before_the_run_begins(
    system: recipes.System, tmp_path: Path
) -> None:
    tiny = system.recipe().PRESETS["tiny"]
    for change, words in (
        ({"workers": 0}, "workers must be at least 1"),
        ({"seed": -1}, "seed must be from 0"),
    ):
        with pytest.raises(InputError, match=words):
            recipes.start(system, dataclasses.replace(tiny, **change), preset="tiny", root=tmp_path)
    assert not list(tmp_path.iterdir())


# The run


@each_system
def test_the_tiny_run_ends_in_numbers_of_known_origin(system: recipes.System, tiny_run: TinyRun) -> None:
    run = tiny_run(system.name)
    assert run.status == "done"
    assert run.data is not None
    assert run.data.kind == "stand-in", "nothing is fetched, so nothing is real"
    results = run.results()
    assert results
    for result in results:
        assert result.data == "stand-in"
        assert result.error is None or not result.error < 0
    assert np.isfinite([result.value for result in results]).mean() > 0.5
    assert any(result.n for result in results)
    named = [(result.name, *sorted(result.labels.items())) for result in results]
    assert len(set(named)) == len(named), "two results of one name"


@each_system
def test_figures_come_with_the_numbers_drawn(system: recipes.System, tiny_run: TinyRun) -> None:
    figures = tiny_run(system.name).figures()
    assert figures
    for figure in figures:
        assert figure.title
        assert figure.caption
        names, *rows = csv.reader(figure.csv.read_text(encoding="utf-8").splitlines())
        assert len(set(names)) == len(names)
        assert rows, figure.name
        assert any(_is_number(cell) for cell in rows[0]), figure.name


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False


@each_system
def test_the_report_page_is_complete_and_the_browser_content(
    system: recipes.System, tiny_run: TinyRun, browser: Browser
) -> None:
    run = tiny_run(system.name)
    page = run.folder / "report.html"
    browser.open(page)
    assert browser.console() == []
    asked = [address for address in browser.requests() if not address.startswith("data:")]
    assert asked == [page.as_uri()], "the page is all there is to fetch"
    assert browser.run("return document.querySelectorAll('figure.drawing svg').length") == len(run.figures())
    shown = browser.run("return document.body.textContent")
    for name in {result.name for result in run.results()}:
        assert name in shown, f"the page says nothing of {name}"


# A user's files


def _content(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def keep(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    return found


@each_system
def test_predict_answers_to_a_users_file(
    system: recipes.System, tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`users_file(folder)` of the system's own test file writes the file."""
    name = f"test_{system.package.rpartition('.')[2]}"
    assert Path(__file__).with_name(f"{name}.py").exists(), f"tests/systems/{name}.py is to give users_file"
    module = importlib.import_module(name)
    file, run = module.users_file(tmp_path), tiny_run(system.name)
    before, inside = file.read_bytes(), _state(run.folder)
    for output in ("one.h5", "two.h5"):
        command = ["predict", str(run.folder), str(file), "-o", str(tmp_path / output)]
        assert execute(command) == 0, capsys.readouterr().err
    one, two = (_content(tmp_path / name) for name in ("one.h5", "two.h5"))
    assert sum(column.size for column in one.values()) > 0
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert file.read_bytes() == before
    assert _state(run.folder) == inside, "a prediction leaves the run as it is"


def _state(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@each_system
def test_predict_refuses_a_file_of_another_kind_in_one_line(
    system: recipes.System, tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / "letter.h5", tmp_path / "out.h5"
    file.write_text("Dear reader,\n")
    assert execute(["predict", str(tiny_run(system.name).folder), str(file), "-o", str(output)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert [line for line in said if line.startswith("femtobarn:")] == said[-1:]
    assert "letter.h5" in said[-1]
    assert not output.exists()


# Again


def _run(system: recipes.System, *more: str) -> list[str]:
    return [sys.executable, "-m", "femtobarn", "run", system.name, *more]


def _quiet() -> dict[str, typing.Any]:
    """Of a child process, with the cache of the tests, which is set when the first test starts."""
    return {
        "env": {**os.environ, "PYTHONWARNINGS": "ignore"},
        "stderr": subprocess.PIPE,
        "stdout": subprocess.DEVNULL,
    }


def _same(one: Run, two: Run) -> None:
    for ours, theirs in zip(_numbers(one), _numbers(two), strict=True):
        assert (ours.name, ours.labels, ours.n, ours.unit) == (
            theirs.name,
            theirs.labels,
            theirs.n,
            theirs.unit,
        )
        np.testing.assert_equal([ours.value, ours.error], [theirs.value, theirs.error], err_msg=str(ours))


@pytest.mark.slow
@each_system
def test_the_same_seed_gives_the_same_numbers(
    system: recipes.System, tiny_run: TinyRun, tmp_path: Path
) -> None:
    done = subprocess.run(_run(system, "tiny", "--out", str(tmp_path)), **_quiet())
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / system.name).iterdir()
    _same(Run.open(folder), tiny_run(system.name))


@pytest.mark.slow
@each_system
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_a_killed_run_goes_on_to_the_same_numbers(
    system: recipes.System, share: float, tiny_run: TinyRun, tmp_path: Path
) -> None:
    """Killed when it has written that share of the files of its work."""
    finished = tiny_run(system.name)
    wanted = max(1, int(share * len(_work(finished.folder))))
    with started(_run(system, "tiny", "--out", str(tmp_path)), **_quiet()) as process:
        while len(_work(tmp_path)) < wanted:
            assert process.poll() is None, "the run ended before it was killed"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    (folder,) = (tmp_path / system.name).iterdir()
    assert Run.open(folder).status == "interrupted"
    done = subprocess.run(_run(system, "--resume", str(folder)), **_quiet())
    assert done.returncode == 0, done.stderr
    run = Run.open(folder)
    assert run.status == "done"
    _same(run, finished)
    assert {figure.name for figure in run.figures()} == {figure.name for figure in finished.figures()}


def _work(folder: Path) -> list[Path]:
    """Files of the work; those that come and go meanwhile do not matter to `os.walk`."""
    return [
        Path(place, name)
        for place, _, names in os.walk(folder)
        if "work" in place.split("/")
        for name in names
    ]
