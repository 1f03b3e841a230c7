"""Photographs of sensors in five samples without a common sensor, simulated or from a folder of the user."""

from dataclasses import dataclass, field
from pathlib import Path

from femtobarn.data.patch_images import PatchImages, read_folder, split_objects
from femtobarn.runs import Provenance
from femtobarn.settings import to_dict
from femtobarn.simulate.sensor_images import Camera
from femtobarn.simulate.sensor_scans import ScanPlan, Sensors, sensor_scans
from femtobarn.study import Split, check_shares

NAME = "sensor_images"


@dataclass(frozen=True)
class Data:
    """Which photographs a run works on."""

    folder: Path | None = None
    """Images called SENSOR_POSITION.npy, .png or .jpg, and annotations.csv with file,row,column,kind of each patch that
    has a defect; simulated ones if not given."""
    camera: Camera = field(default_factory=Camera)
    patch: int = 40
    """Side of a patch in pixels; 160 on the images of 2720 x 3840 pixels."""
    positions: int = 6
    """Scan positions of the simulated sensors, from one edge to the other."""
    sensors: Sensors = field(default_factory=Sensors)
    kinds: tuple[str, ...] = ("scratch", "dust", "stain")
    """Simulated defects, one on an image; there are "fibre" and "missing metal", too."""
    validation: float = 0.25
    """Share of the user's sensors to choose models and set thresholds by."""
    test: float = 0.25
    """Share of the user's sensors for the results."""

    def __post_init__(self) -> None:
        check_shares(self.validation, self.test)


@dataclass(frozen=True)
class Scans(Split[PatchImages]):
    """Clean images to train on, images to choose by and to test; and two samples more."""

    annotated: PatchImages
    """Images with defects to train on."""
    calibration: PatchImages
    """Clean images of other sensors: what scores are usual at each position."""
    seed: int


def load(settings: Data, *, seed: int, workers: int, progress: bool) -> Scans:
    """The samples of a run.

    Raises:
        InputError: A file cannot be read, or a sample remains empty.
    """
    if settings.folder is not None:
        found = read_folder(settings.folder, settings.patch)
        made = split_objects(found, validation=settings.validation, test=settings.test, seed=seed)
        return Scans(provenance=Provenance.of_files("own photographs", [settings.folder]), seed=seed, **made)
    plan = ScanPlan(settings.camera, settings.patch, settings.positions, kinds=settings.kinds)
    made = {
        name: sensor_scans(each, seed=seed, workers=workers, progress=progress)
        for name, each in settings.sensors.plans(plan).items()
    }
    content = {"camera": to_dict(settings.camera), "positions": settings.positions, "seed": seed}
    source = "pads, guard rings, light and defects drawn in mm"
    return Scans(provenance=Provenance("stand-in", NAME, source, generator=content), seed=seed, **made)
