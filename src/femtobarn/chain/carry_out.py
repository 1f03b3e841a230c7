"""A whole run of the chain: learn, pass all crossings through, judge, draw, report."""

from math import ceil
from pathlib import Path

from femtobarn.chain import figures, judge
from femtobarn.chain.collisions import JETS, SIGNALS, ZERO_BIAS, soft_pool
from femtobarn.chain.passage import learning, work
from femtobarn.chain.settings import Chain, folder_of
from femtobarn.errors import InputError
from femtobarn.recipe import reported
from femtobarn.runs import Provenance, Result, Run
from femtobarn.settings import from_dict, to_dict
from femtobarn.simulate.chunks import Arrays, run_chunks
from femtobarn.study import by_name

NAME = "chain"
_SUMMARY = "One collision through compression, clustering, tracking, particle flow, jets and trigger"


def start(chain: Chain, *, preset: str, root: Path) -> Run:
    """A new, empty run with these settings."""
    return Run.create(root, system=NAME, preset=preset, settings=chain, seed=chain.seed, summary=_SUMMARY)


def carry_out(run: Run, *, progress: bool = True) -> list[Result]:
    """Pass all crossings through all ways, and report; crossings that the cache holds are not passed through again.

    Raises:
        InputError: A mistake of the user; the run is marked as failed.
        KeyboardInterrupt: On Ctrl-C; the run is marked as interrupted and can be resumed.
    """
    if run.record["system"] != NAME:
        raise InputError(f"{run.folder} is a run of {run.record['system']}, not of the chain")
    chain = from_dict(Chain, run.settings)
    with reported(run, chain):
        told = {name: value for name, value in to_dict(chain).items() if name in ("pileup", "field", "seed")}
        run.set_data(Provenance("stand-in", NAME, "Pythia 8 and the detectors of femtobarn", generator=told))
        for choice in chain.runs():
            joined, model = folder_of(choice)
            run.log(
                event="joined", system=joined.record["system"], run=joined.name, model=model or "its best"
            )
        samples = _samples(chain, progress=progress)
        others = {pileup: _others(chain, pileup, progress=progress) for pileup in chain.trigger_pileup}
        return run.save_results(_judged(run, chain, samples, others))


def _samples(chain: Chain, *, progress: bool) -> dict[str, Arrays]:
    """What is made of all crossings."""
    jets = _passed(JETS, chain, chain.events, progress=progress)
    return {JETS: jets, **_others(chain, chain.pileup, progress=progress)}


def _others(chain: Chain, pileup: float, *, progress: bool) -> dict[str, Arrays]:
    """What is made of the trigger's samples; at a pile-up that jets have not, of half as many and by the reference."""
    share = 1
    if pileup != chain.pileup:
        chain, share = chain.reference_only(pileup), 2
    counts = {ZERO_BIAS: chain.crossings} | dict.fromkeys(SIGNALS, chain.signals)
    counts = {kind: -(-count // share) for kind, count in counts.items()}
    counts[ZERO_BIAS] = max(counts[ZERO_BIAS], ceil(20 / chain.passing))  # of each half ten have to pass
    return {kind: _passed(kind, chain, count, progress=progress) for kind, count in counts.items()}


def _passed(kind: str, chain: Chain, count: int, *, progress: bool) -> Arrays:
    for mean in (2 * chain.pileup, chain.pileup, 0.0):  # once, not in each process
        soft_pool(mean, progress=progress)
    run_chunks(learning(chain), workers=1, progress=progress, label="events to learn from")
    label = f"{kind} at pile-up {chain.pileup:g}"
    chunks = work(kind, chain, count)
    return judge.joined(
        run_chunks(chunks, workers=chain.workers, scheduler=chain.scheduler, progress=progress, label=label)
    )


def _judged(
    run: Run, chain: Chain, samples: dict[str, Arrays], others: dict[float, dict[str, Arrays]]
) -> list[Result]:
    jets, pileup = samples.pop(JETS), samples[ZERO_BIAS]["pileup"]
    table = judge.end_points(chain, jets) + judge.costs(chain, jets, samples[ZERO_BIAS])
    found = judge.scored(chain, samples)
    table += judge.trigger_rows(chain, found, background=ZERO_BIAS, pileup=chain.pileup)
    for mean, made in others.items():
        table += judge.trigger_rows(chain, judge.scored(chain, made), background=ZERO_BIAS, pileup=mean)
    table += judge.pileup_rows(chain, found, pileup, background=ZERO_BIAS)
    table += figures.draw(run, chain, table, found, pileup)
    return by_name(table)
