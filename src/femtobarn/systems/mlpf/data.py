"""Events of a run: files in the published layout, or top pairs with pile-up in our detector."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from femtobarn.datasets import mlpf_delphes
from femtobarn.errors import InputError
from femtobarn.physics.particle_flow import FlowEvents, joined
from femtobarn.runs import Provenance
from femtobarn.simulate.particle_flow import FlowSample, flow_sample
from femtobarn.study import Split, check_shares, cut

OWN = "own files"


@dataclass(frozen=True)
class Data:
    """Which events a run works on."""

    path: tuple[Path, ...] = ()
    """Files .pkl.bz2 in the published layout, or a folder of them; without any, events are simulated."""
    test_path: tuple[Path, ...] = ()
    """Files of the test sample; without them it is cut from the others."""
    pileup: tuple[float, ...] = (0.0, 80.0)
    """Mean numbers of collisions laid over the events of the samples; the graphs are compared at the last."""
    events: tuple[int, ...] = (480, 72)
    """Events of each sample."""
    transfer: tuple[float, ...] = (40.0, 140.0)
    """Pile-up at which networks trained at the last of `pileup` are tested too."""
    transfer_events: int = 12
    """Events at each pile-up that networks are transferred to."""
    showers: bool = True
    """Showers spread and start early; else the detector is as in Delphes, where rules are nearly perfect."""
    validation: float = 0.1
    """Share of the events by which the best epoch is chosen."""
    test: float = 0.3
    """Share of the events kept for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)
        if not self.pileup or len(self.events) != len(self.pileup) or min(self.events) < 10:
            raise InputError(
                f"expected 10 events or more for each pile-up: got {self.events} for {self.pileup}"
            )
        if self.transfer_events < 2:
            raise InputError(f"expected 2 events to transfer to, got {self.transfer_events}")


@dataclass(frozen=True)
class Problems:
    """Samples of a run by name, the one on which graphs are compared last; the provenance is that of all."""

    by_name: Mapping[str, Split[FlowEvents]]
    elsewhere: Mapping[str, FlowEvents]
    """Test samples of other pile-up."""
    provenance: Provenance

    @property
    def main(self) -> str:
        """Name of the last sample."""
        return list(self.by_name)[-1]

    @property
    def sizes(self) -> dict[str, int]:
        """Events of each part, of all samples together."""
        each = [split.sizes for split in self.by_name.values()]
        return {part: sum(sizes[part] for sizes in each) for part in each[0]}


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Problems:
    """All samples of a run.

    Raises:
        InputError: A file cannot be read, or there are too few events.
    """
    if settings.path:
        provenance = Provenance.of_files(mlpf_delphes.NAME, settings.path)
        events = joined([mlpf_delphes.read_events(path) for path in settings.path])
        test: float | FlowEvents = settings.test
        if settings.test_path:
            test = joined([mlpf_delphes.read_events(path) for path in settings.test_path])
        split = cut(events, provenance, validation=settings.validation, test=test, seed=seed, least=1)
        return Problems({OWN: split}, {}, provenance)
    content = {
        "pile-up": settings.pileup,
        "events": settings.events,
        "showers": settings.showers,
        "seed": seed,
    }
    provenance = Provenance("stand-in", mlpf_delphes.NAME, "Pythia 8, detector", generator=content)

    def made(pileup: float, events: int, number: int) -> FlowEvents:
        sample = FlowSample(float(pileup), settings.showers)
        return flow_sample(sample, events, seed=number, workers=workers, progress=progress)

    splits = {
        name_of(pileup): cut(
            made(pileup, events, seed), provenance,
            validation=settings.validation, test=settings.test, seed=seed, least=1,
        )
        for pileup, events in zip(settings.pileup, settings.events, strict=True)
    }  # fmt: skip
    elsewhere = {name_of(p): made(p, settings.transfer_events, seed + 1) for p in settings.transfer}
    return Problems(splits, elsewhere, provenance)


def name_of(pileup: float) -> str:
    """Name of a sample."""
    return f"pile-up {pileup:g}"
