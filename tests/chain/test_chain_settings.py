"""Choices of the chain: which ways follow from them, and that a mistake is one line that helps."""

from pathlib import Path

import pytest

from femtobarn.chain.settings import PRESETS, STAGES, Chain, title_of
from femtobarn.cli import execute
from femtobarn.errors import InputError
from femtobarn.runs import Run
from femtobarn.settings import from_dict, to_dict


def test_each_way_differs_from_the_reference_at_one_stage() -> None:
    chain = Chain(compress=("none", "best-choice-2", "hits"), cluster=("clue", "truth"), track=("card",))
    first, *others = chain.ways()
    assert tuple(first) == ("none", "clue", "card", "rules")
    assert [sum(a != b for a, b in zip(first, way, strict=True)) for way in others] == [1, 1, 1]
    assert len(set(others)) == 3


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_read_back(name: str) -> None:
    assert from_dict(Chain, to_dict(PRESETS[name])) == PRESETS[name]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tinny"], "did you mean tiny?"),
        (["tiny", "demo"], "one preset"),
        (["tiny", "--compress", "best-choice-6"], "did you mean best-choice-5?"),
        (["tiny", "--cluster", "clu"], "did you mean clue?"),
        (["tiny", "--track", "nowhere"], "neither a choice nor the folder of a run"),
        (["tiny", "--flow", "rules", "rules"], "expected different choices"),
        (["tiny", "--pile-up", "3"], "did you mean --pileup?"),
        (["tiny", "--field", "0"], "expected a pile-up of 0 to 400, a field"),
        (["tiny", "--events", "0"], "above 0"),
        (["tiny", "--passing", "0.1"], "give --crossings 201"),
        (["tiny", "--trigger-pileup", "0", "0"], "expected different pile-ups"),
        (["tiny", "--compress", "."], "is not a run"),
        (["--resume", "nowhere"], "no run folder at nowhere"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["chain", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir()), "a mistake leaves no run behind"


@pytest.fixture
def any_run(tmp_path: Path) -> str:
    return str(Run.create(tmp_path, system="emd-compression", preset="tiny", settings=Chain(), seed=1).folder)


def test_runs_that_know_another_detector_are_refused(any_run: str) -> None:
    with pytest.raises(InputError, match="--compress hits"):
        Chain(cluster=("clue", any_run))
    assert Chain(compress=("hits",), cluster=("clue", any_run)).runs() == [any_run]
    with pytest.raises(InputError, match="--field 2"):
        Chain(track=("card", any_run))
    assert any_run in [way.track for way in Chain(track=("card", any_run), field=2.0).ways()]


def test_answers_are_to_the_reference_alone(tmp_path: Path) -> None:
    (tmp_path / "dijets-60-000000.parquet").touch()
    answers = str(tmp_path)
    assert title_of(answers) == f"answers in {tmp_path.name}"
    assert Chain(cluster=("clue", answers)).runs() == []
    with pytest.raises(
        InputError, match=r"answers in .* are to one choice of compress: put cluster clue first"
    ):
        Chain(cluster=(answers, "clue"))
    assert Chain(compress=("none",), cluster=(answers, "clue")).ways()[0].cluster == answers
    assert Chain(track=(answers,)).ways()[0].track == answers, "what is before the tracks has no choices"


def test_a_trigger_at_another_pileup_is_that_of_the_reference() -> None:
    alone = Chain().reference_only(200.0)
    assert alone.ways() == [Chain().ways()[0]._replace(track="card")]
    assert (alone.pileup, alone.trigger_pileup) == (200.0, ())


def test_what_is_learned_from_and_drawn_is_not_what_is_judged() -> None:
    pytest.importorskip("pythia8mc", reason="its version is part of what a piece of work depends on")
    from femtobarn.chain.collisions import JETS
    from femtobarn.chain.passage import learning, work

    judged, learned = work(JETS, Chain(), 10), learning(Chain())
    assert judged.settings.seed != learned.settings.seed
    assert judged.path(0) == work(JETS, Chain(events=99, crossings=999, workers=1, tag=Chain().tag), 10).path(
        0
    )
    assert judged.path(0) != work(JETS, Chain(pileup=59.0), 10).path(0)


def test_a_run_is_called_by_its_system_and_may_be_one_of_its_models(any_run: str) -> None:
    assert title_of(any_run).startswith("emd-compression ")
    part = Path(any_run, "work", "emd-5links-large-seed1")
    part.mkdir(parents=True)
    assert title_of(str(part)) == "emd-compression emd-5links-large-seed1"


def test_every_stage_has_a_setting() -> None:
    assert set(STAGES) <= set(to_dict(Chain()))
