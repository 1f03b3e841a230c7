"""A whole run of the chain from the command line: its results, its page, and that it resumes to the same numbers."""

from pathlib import Path

import numpy as np
import pytest

from femtobarn.chain.collisions import JETS, SIGNALS, ZERO_BIAS
from femtobarn.chain.judge import OVER, RESOLUTION, joined
from femtobarn.chain.passage import work
from femtobarn.chain.settings import Chain
from femtobarn.cli import execute
from femtobarn.data.hdf5 import write_hdf5
from femtobarn.datasets.calo_regions import open_regions
from femtobarn.datasets.hgcalml import open_hits
from femtobarn.runs import Result, Run
from femtobarn.settings import from_dict

pytest.importorskip("pythia8mc", reason="collisions need Pythia")
pytest.importorskip("fastjet", reason="jets need FastJet")
pytestmark = pytest.mark.slow

SMALL = ("--events", "3", "--crossings", "40", "--signals", "10", "--learning", "4", "--bootstrap", "10")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("chain")
    assert execute(["chain", "tiny", *SMALL, "--out", str(out)]) == 0
    (folder,) = (out / "chain").iterdir()
    return Run.open(folder)


def _numbers(rows: list[Result]) -> dict[str, float]:
    """All that does not depend on the machine."""
    steady = [r for r in rows if not r.name.startswith(("time", "memory"))]
    return {f"{r.name} {sorted(r.labels.items())}": r.value for r in steady}


def test_every_end_point_is_there_for_every_choice(run: Run) -> None:
    rows = run.results()
    assert run.status == "done"
    for name in (RESOLUTION, "response of the jet mass", "width of the missing momentum"):
        choices = {r.labels["choice"].split(":")[0] for r in rows if r.name == name}
        assert choices == {"reference", "compress", "cluster"}, name
        ratios = [r for r in rows if r.name == name + OVER]
        assert ratios
        assert not any(r.labels["choice"].startswith("reference") for r in ratios)
    tracks = [r.labels["choice"] for r in rows if r.name == "track efficiency in jets"]
    assert tracks
    assert all(each.startswith("reference") for each in tracks), "no other choice changes the tracks"
    bits = {r.labels["choice"]: r.value for r in rows if r.name == "bits of a crossing"}
    assert bits["compress: best-choice-2"] / bits["compress: none"] == pytest.approx(64 / 348)
    signals = {r.labels["signal"] for r in rows if r.name == "trigger: AUC"}
    assert signals == set(SIGNALS)
    assert any(r.name.startswith("trigger: rate at") for r in rows)


def test_the_page_shows_what_bits_buy_and_a_collision(run: Run) -> None:
    page = (run.folder / "report.html").read_text()
    for words in (
        "What bits buy",
        "Every choice over the reference",
        "One collision",
        'data-layer="true jets"',
    ):
        assert words in page
    assert {"bits", "choices", "collision"} <= {figure.name for figure in run.figures()}


def test_a_lost_piece_of_work_is_made_again_alike(run: Run) -> None:
    before, chain = _numbers(run.results()), from_dict(Chain, run.settings)
    for kind, count in ((JETS, chain.events), (ZERO_BIAS, chain.crossings)):
        work(kind, chain, count).path(0).unlink()
    assert execute(["chain", "--resume", str(run.folder)]) == 0
    after = _numbers(Run.open(run.folder).results())
    assert before.keys() == after.keys()
    np.testing.assert_array_equal(list(before.values()), list(after.values()))


def test_answers_to_what_was_written_stand_beside_the_choices(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "runs"))
    assert execute(["chain", "tiny", *SMALL, "--write", str(tmp_path / "inputs"), *out]) == 0
    inputs = {each.name for each in (tmp_path / "inputs").iterdir()}
    assert inputs == {"compress", "cluster", "flow", "tag", "trigger"}, "the card has no hits"
    answers = {stage: tmp_path / f"own-{stage}" for stage in ("cluster", "trigger")}
    for folder in answers.values():
        folder.mkdir()
    for path in (tmp_path / "inputs" / "cluster").glob("*.h5"):
        hits = open_hits(path)
        event = np.repeat(np.arange(len(hits)), np.diff(hits.offset))
        energy = np.bincount(event, hits.hits[:, 0], len(hits))[event]
        write_hdf5(answers["cluster"] / path.name, {"shower": 0 * event, "shower_energy": energy}, {})
    for path in (tmp_path / "inputs" / "trigger").glob("*.h5"):
        regions = open_regions(path)
        counts = regions.read(("regions",), 0, len(regions))["regions"]
        write_hdf5(answers["trigger"] / path.name, {"energy": counts.sum(axis=(1, 2))}, {})
    own = ["--cluster", "clue", str(answers["cluster"]), "--trigger", "HT", str(answers["trigger"])]
    assert execute(["chain", "tiny", *SMALL, *own, *out]) == 0
    rows = Run.open(
        max((tmp_path / "runs" / "chain").iterdir(), key=lambda folder: folder.stat().st_mtime)
    ).results()
    title = f"cluster: answers in {answers['cluster'].name}"
    assert title in {r.labels["choice"] for r in rows if r.name == f"width of the missing momentum{OVER}"}
    scores = {r.labels["score"] for r in rows if r.name == "trigger: AUC"}
    assert scores == {"HT", f"answers in {answers['trigger'].name}, energy"}


def test_pieces_are_joined_with_events_counted_on() -> None:
    part = {"event": np.array([0, 0, 2]), "events": np.array([3]), "memory": np.array([1.0])}
    made = joined([part | {"seconds flow 0": np.array([2.0])}, part | {"seconds flow 0": np.array([1.0])}])
    np.testing.assert_array_equal(made["event"], [0, 0, 2, 3, 3, 5])
    assert (made["events"][0], made["memory"][0], made["seconds flow 0"][0]) == (6, 1.0, 3.0)
