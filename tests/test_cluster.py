"""Bulk work on a Dask cluster: the same result as at home, also when a worker dies on the way."""

import dataclasses
import functools
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from femtobarn.errors import InputError
from femtobarn.parts import Report, cluster_workers, run_parts
from femtobarn.simulate.chunks import Chunks, run_chunks

HERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Settings:
    folder: str
    scale: float = 1.0


def slow_noise(settings: Settings, items: range, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Random numbers; the worker that first takes item 4 tells its number and waits to be killed."""
    told = Path(settings.folder) / "victim"
    if settings.folder and 4 in items and not told.exists():
        unfinished = told.with_name("unfinished")
        unfinished.write_text(str(os.getpid()))
        unfinished.rename(told)
        time.sleep(60)
    return {"x": settings.scale * np.random.default_rng(seed).normal(size=len(items))}


def refuse(x: int) -> int:
    raise InputError(f"x must not be {x}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and three workers, each a process of its own: two tests kill one, and one is left."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    common = [sys.executable, "-m", "dask"]
    quiet = {"env": environment, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = ["scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--nthreads", "1", "--no-dashboard", "--no-nanny", "--scheduler-file", str(file)]
    processes = [subprocess.Popen([*common, *words], **quiet) for words in (scheduler, *3 * [worker])]  # type: ignore[call-overload]
    while not file.exists():
        assert processes[0].poll() is None
        time.sleep(0.05)
    yield str(file)
    for process in reversed(processes):
        process.kill()
        process.wait()


def chunks(folder: str = "") -> Chunks:
    return Chunks(slow_noise, Settings(folder), 12, 2, 1, (1,))


def test_a_killed_worker_changes_nothing(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEMTOBARN_CACHE", str(tmp_path / "here"))
    expected = [each["x"] for each in run_chunks(chunks(), workers=1)]
    killer = threading.Thread(target=kill_first, args=(tmp_path / "victim",))
    killer.start()
    found = [each["x"] for each in run_chunks(chunks(str(tmp_path)), scheduler=cluster)]
    killer.join()
    assert (tmp_path / "victim").exists(), "nobody was killed"
    np.testing.assert_array_equal(found, expected)


def slow_square(folder: str, x: int, report: Report) -> int:
    """The square; the worker that first takes 3 tells its number and waits to be killed."""
    report(0, 1, "nobody sees this from afar")
    told = Path(folder) / "victim"
    if x == 3 and not told.exists():
        unfinished = told.with_name("unfinished")
        unfinished.write_text(str(os.getpid()))
        unfinished.rename(told)
        time.sleep(60)
    return x * x


def test_parts_of_a_killed_worker_are_done_by_another(tmp_path: Path, cluster: str) -> None:
    killer = threading.Thread(target=kill_first, args=(tmp_path / "victim",))
    killer.start()
    work = functools.partial(slow_square, str(tmp_path))
    found = run_parts(work, range(6), title="squares", scheduler=cluster, progress=False)
    killer.join()
    assert (tmp_path / "victim").exists(), "nobody was killed"
    assert found == [0, 1, 4, 9, 16, 25]


@pytest.mark.slow
def test_files_of_jets_are_evaluated_on_the_cluster(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not at the head of the file, which every worker imports.
    from femtobarn.evaluation import jets
    from femtobarn.evaluation.jet_scores import Scoring
    from femtobarn.evaluation.jets import JetEvaluation, evaluate_jets
    from jet_files import write_toy_jets

    monkeypatch.setattr(jets, "_PIECE", 700)
    files = [write_toy_jets(tmp_path / f"{seed}.hdf5", seed=seed) for seed in (1, 2)]
    scoring = Scoring(jets=1000, neighbours=300, matching=False)
    runs = [
        evaluate_jets(
            files[0],
            files[1:],
            settings=JetEvaluation(scoring=scoring, workers=1, scheduler=scheduler),
            out=tmp_path / "runs",
            progress=False,
        )
        for scheduler in (None, cluster)
    ]
    here, there = ([result.value for result in run.results()] for run in runs)
    assert here == pytest.approx(there, rel=1e-9, abs=1e-12)


@pytest.mark.slow
def test_tracks_found_on_the_cluster_are_those_found_here(cluster: str) -> None:
    """Counts of events that were made and searched elsewhere, merged, are those of one process."""
    from femtobarn.evaluation.tracks import events as track_events
    from femtobarn.evaluation.tracks.contest import Competitor, answer
    from femtobarn.evaluation.tracks.events import Data
    from femtobarn.systems.tracking import judge
    from femtobarn.systems.tracking.study import REGIMES

    settings = Data(engine="gun", train=1, validation=1, test=1, pileup=6.0, densities=(), learned=60.0)
    events = [track_events.load(settings, seed=seed, workers=1, progress=False) for seed in (1, 2, 3)]
    name, regime = next(iter(REGIMES.items()))
    finder = events[0].finder(z=regime.z, pt=regime.pt, primary=True)
    find = functools.partial(judge._automaton, finder)
    own = Competitor("automaton", name, 0, regime, ("(4.0, 3)",), judge._nothing, find)
    here = [answer(each, (), own, lambda *_: None) for each in events]
    tasks = functools.partial(_found, own)
    there = run_parts(tasks, events, title="events", scheduler=cluster, progress=False)
    one, other = (
        functools.reduce(lambda a, b: a.merge(b), (e.test for e in found)) for found in (here, there)
    )
    assert one.performance.particles.sum() > 100
    assert one.performance.efficiency() == other.performance.efficiency()
    assert one.performance.fakes == other.performance.fakes
    assert one.performance.scores == other.performance.scores


@pytest.mark.slow
@pytest.mark.parametrize("system", ["object-condensation", "mlpf"])
def test_predictions_made_on_the_cluster_are_those_made_here(
    system: str,
    tiny_run: Callable[[str], Any],
    tmp_path: Path,
    cluster: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from femtobarn.bulk import predict_each

    monkeypatch.syspath_prepend(HERE / "systems")
    file = importlib.import_module(f"test_{system.replace('-', '_')}").users_file(tmp_path)
    other = file.with_name(f"other-{file.name}")
    other.write_bytes(file.read_bytes())
    here, there = (
        predict_each(tiny_run(system), [file, other], tmp_path / place / "{}.h5", workers=1, **options)
        for place, options in (("here", {}), ("there", {"scheduler": cluster}))
    )
    for one, two in zip(here, there, strict=True):
        with h5py.File(one) as mine, h5py.File(two) as theirs:
            assert [*mine] == [*theirs]
            assert all(np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine)


def _found(own: Any, events: Any, report: Report) -> Any:
    from femtobarn.evaluation.tracks.contest import answer

    return answer(events, (), own, report)


def kill_first(told: Path) -> None:
    while not told.exists():
        time.sleep(0.02)
    os.kill(int(told.read_text()), signal.SIGKILL)


def test_an_error_on_the_cluster_is_raised_here(cluster: str) -> None:
    with cluster_workers(cluster) as pool, pytest.raises(InputError, match="must not be 3"):
        pool.submit(refuse, 3).result(timeout=30)


def test_no_scheduler_is_told_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no Dask scheduler answers at"),
        cluster_workers("tcp://127.0.0.1:9"),
    ):
        pass
    with (
        pytest.raises(InputError, match="no such scheduler file"),
        cluster_workers(str(tmp_path / "none.json")),
    ):
        pass
