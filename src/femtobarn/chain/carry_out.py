"""A whole run of the chain: learn, pass all crossings through, judge, draw, report."""

from pathlib import Path

from femtobarn.chain import figures, judge
from femtobarn.chain.collisions import JETS, SIGNALS, ZERO_BIAS, soft_pool
from femtobarn.chain.passage import learning, work
from femtobarn.chain.settings import Chain, folder_of
from femtobarn.errors import InputError
from femtobarn.report import write_report
from femtobarn.runs import Provenance, Result, Run
from femtobarn.settings import check_machine, from_dict, to_dict
from femtobarn.simulate.chunks import Arrays, run_chunks

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
    check_machine(chain)
    run.check_files()
    with run.lock():
        if run.events():
            run.resume()
        else:
            run.log(event="started")
        try:
            told = {
                name: value for name, value in to_dict(chain).items() if name in ("pileup", "field", "seed")
            }
            run.set_data(
                Provenance("stand-in", NAME, "Pythia 8 and the detectors of femtobarn", generator=told)
            )
            for choice in chain.runs():
                joined, model = folder_of(choice)
                run.log(
                    event="joined", system=joined.record["system"], run=joined.name, model=model or "its best"
                )
            samples = _samples(chain, progress=progress)
            results = _judged(run, chain, samples)
            results = run.save_results(results)
            run.finish("done")
        except KeyboardInterrupt:
            run.finish("interrupted", reason="stopped by the user")
            raise
        except BaseException as error:
            run.finish("failed", reason=str(error))
            raise
        write_report([run], run.folder / "report.html")
    return results


def _samples(chain: Chain, *, progress: bool) -> dict[str, Arrays]:
    for mean in (2 * chain.pileup, chain.pileup, 0.0):  # once, not in each process
        soft_pool(mean, progress=progress)
    run_chunks(learning(chain), workers=1, progress=progress, label="events to learn from")
    counts = {JETS: chain.events, ZERO_BIAS: chain.crossings} | dict.fromkeys(SIGNALS, chain.signals)
    return {
        kind: judge.joined(
            run_chunks(
                work(kind, chain, count), workers=chain.workers, scheduler=chain.scheduler, progress=progress,
                label=f"crossings ({kind})",
            )
        )
        for kind, count in counts.items()
    }  # fmt: skip


def _judged(run: Run, chain: Chain, samples: dict[str, Arrays]) -> list[Result]:
    jets = samples.pop(JETS)
    table = judge.end_points(chain, jets) + judge.costs(chain, jets)
    found = judge.scored(chain, samples)
    table += judge.trigger_rows(chain, found, background=ZERO_BIAS)
    table += judge.pileup_rows(chain, found, samples[ZERO_BIAS]["pileup"], background=ZERO_BIAS)
    table += figures.draw(run, chain, table, found, samples[ZERO_BIAS]["pileup"])
    return table
