"""Run folders from elsewhere: what lies in them leads nowhere else, and nothing waits for it."""

import contextlib
import copy
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from femtobarn.errors import InputError
from femtobarn.report import print_summary, write_report
from femtobarn.runs import Provenance, Result, Run

SECRET = b'{"secret": "of another user"}\n'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="10pt"/>'
FILES = [
    "run.json",
    "results.json",
    "log.jsonl",
    "lock",
    "figures/index.json",
    "figures/a.csv",
    "figures/a.svg",
    "work/part/done.json",
    "work/part/model.pt",
    "work/part/last.pt",
]
FOLDERS = ["figures", "work", "work/part"]


def _figure(run: Run) -> None:
    run.save_figure("a", SVG, title="T", caption="C", section="S", data={"x": [1, 2]})


def _locked(run: Run) -> None:
    with run.lock():
        pass


USES: list[Callable[[Run], object]] = [
    lambda run: Run.open(run.folder),
    lambda run: run.status,
    _locked,
    lambda run: run.log(event="x"),
    lambda run: run.events(),
    lambda run: run.save_results([Result("x", 1.0)]),
    lambda run: run.results(),
    _figure,
    lambda run: run.figures(),
    lambda run: run.mark_done("part", {"x": 1}),
    lambda run: run.done("part"),
    lambda run: run.trained(),
    lambda run: run.finish("done"),
    lambda run: run.resume(),
    lambda run: print_summary(run),
    lambda run: write_report([run], run.folder / "report.html"),
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "runs", system="x", preset="tiny", settings={}, seed=0)
    _locked(run)
    run.log(event="x")
    run.save_results([Result("x", 1.0)])
    _figure(run)
    run.mark_done("part", {"x": 1})
    for name in ("model.pt", "last.pt"):
        (run.work("part") / name).write_bytes(b"")
    return run


def _use_all(run: Run) -> list[Callable[[Run], object]]:
    """Do everything one can do with a run; what it refused."""
    refused = []
    for use in USES:
        with contextlib.suppress(InputError):
            use(run)
            continue
        refused.append(use)
    return refused


def test_nothing_of_a_sound_run_is_refused(run: Run) -> None:
    assert _use_all(run) == []


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_place_of_a_file_is_not_followed(run: Run, tmp_path: Path, name: str) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(SECRET)
    (run.folder / name).unlink()
    (run.folder / name).symlink_to(foreign)
    _use_all(run)
    assert foreign.read_bytes() == SECRET
    page = run.folder / "report.html"
    assert not page.exists() or b"of another user" not in page.read_bytes()


@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_in_place_of_a_folder_is_not_followed(run: Run, tmp_path: Path, name: str) -> None:
    foreign = tmp_path / "foreign"
    (run.folder / name).rename(foreign)
    before = {path: path.read_bytes() for path in foreign.rglob("*") if path.is_file()}
    (run.folder / name).symlink_to(foreign)
    assert _use_all(run)
    assert {path: path.read_bytes() for path in foreign.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("log.jsonl", lambda run: run.log(event="x")),
        ("results.json", lambda run: run.save_results([])),
        ("lock", _locked),
        ("figures/a.csv", lambda run: write_report([run], run.folder / "report.html")),
    ],
)
def test_a_link_is_told_in_one_line(
    run: Run, tmp_path: Path, name: str, use: Callable[[Run], object]
) -> None:
    (run.folder / name).unlink()
    (run.folder / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a symbolic link: a run is read only") as caught:
        use(run)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(run: Run, name: str) -> None:
    (run.folder / name).unlink()
    os.mkfifo(run.folder / name)
    _use_all(run)


def test_the_folder_itself_may_be_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(run.folder)
    assert _use_all(Run.open(tmp_path / "latest")) == []


ODD = [None, -1.5, "\ud800", [1], {"a": [1]}]


def _changed(content: object) -> Iterator[object]:
    """The content with one of its values, at any depth, replaced by something odd or left out."""
    if isinstance(content, dict | list):
        keys = list(content) if isinstance(content, dict) else range(len(content))
        for key in keys:
            for inner in _changed(content[key]):
                other = copy.copy(content)
                other[key] = inner
                yield other
            other = copy.copy(content)
            del other[key]
            yield other
    yield from ODD


@pytest.mark.parametrize("name", ["run.json", "results.json", "figures/index.json", "log.jsonl"])
def test_a_changed_file_is_read_or_told_in_one_line(run: Run, tmp_path: Path, name: str) -> None:
    run.set_data(Provenance("stand-in", "x", "y", {"a": "b"}, {"c": 1}))
    path = run.folder / name
    sound = path.read_text()
    content = json.loads(sound.splitlines()[0] if name == "log.jsonl" else sound)
    readers = [
        lambda run: run.status,
        lambda run: run.kind,
        lambda run: run.results(),
        lambda run: run.figures(),
        lambda run: write_report([run], tmp_path / "page.html"),
        lambda run: print_summary(run, Console(file=io.StringIO())),
    ]
    for changed in _changed(content):
        path.write_text(json.dumps(changed))
        for read in readers:
            try:
                read(Run.open(run.folder))
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017 - an error is one of two right answers
    path.write_text(sound)
    assert _use_all(Run.open(run.folder)) == []


@pytest.mark.parametrize("content", ["[" * 100_000, "9" * 5000, "{", "", "\x00", "nul"])
@pytest.mark.parametrize("name", ["run.json", "results.json", "figures/index.json", "log.jsonl"])
def test_what_is_no_json_is_told_in_one_line(run: Run, tmp_path: Path, name: str, content: str) -> None:
    (run.folder / name).write_text(content)
    try:
        write_report([Run.open(run.folder)], tmp_path / "page.html")
    except InputError as error:
        assert name in str(error)  # noqa: PT017 - an error is one of two right answers
    else:
        assert name == "log.jsonl", "only the log is read as far as it goes"
