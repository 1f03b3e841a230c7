"""What the tracker does to particles beside its geometry, as plain numbers."""

from dataclasses import dataclass

from femtobarn.errors import InputError


@dataclass(frozen=True)
class Tracker:
    """Field, matter, inefficiency, noise."""

    field: tuple[tuple[float, float], ...] = ((0.0, 2.0),)
    """Rows (|z| in mm, tesla along z): linear between them, constant before the first and beyond the last. Where it
    changes it has a radial part too, -(r/2) dBz/dz."""
    material: float = 1.0
    """Factor on all matter; 0 leaves particles as they are."""
    inefficiency: float = 0.01
    """Probability that a sensor does not see a particle."""
    noise: float = 0.15
    """Share of all hits that no particle made."""
    least_pt: float = 0.15
    """GeV; the challenge has no hits of particles below."""

    def __post_init__(self) -> None:
        places = [place for place, _ in self.field]
        if not places or places != sorted(set(places)) or places[0] < 0:
            raise InputError(f"expected rows of a field with rising |z| from 0 mm on, got {self.field}")
        if not (0 <= self.inefficiency < 1 and 0 <= self.noise < 1):
            raise InputError(
                f"expected an inefficiency and a share of noise from 0 to below 1, got {self.inefficiency} and "
                f"{self.noise}"
            )
        if not (self.material >= 0 and self.least_pt >= 0):
            raise InputError(
                f"expected matter and a least pT of 0 or more, got {self.material}, {self.least_pt}"
            )


#: The tracker of the challenge. The field is that of a solenoid 5.3 m long, as the momenta at its hits show: what they
#: show first is the turn of tracks from the centre, Bz + (z/2) dBz/dz, of which this is the integral.
TRACKML = Tracker(
    field=(
        (0.0, 2.0), (300.0, 2.0), (600.0, 1.976), (900.0, 1.94), (1200.0, 1.885), (1500.0, 1.813), (1800.0, 1.699),
        (2100.0, 1.523), (2400.0, 1.293), (2700.0, 1.03), (2950.0, 0.8),
    )
)  # fmt: skip
#: The same in a field of 2 T everywhere, with nothing that smears but the channels.
IDEAL = Tracker(material=0.0, inefficiency=0.0, noise=0.0, least_pt=0.0)
