"""Scans of many sensors: the photographs of `sensor_images` at the same positions of each, made once and kept."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from femtobarn.data.patch_images import PatchImages
from femtobarn.errors import InputError
from femtobarn.simulate.chunks import Chunks, run_chunks
from femtobarn.simulate.sensor_images import Camera, photograph, scan_positions

_VERSION = (1,)
_TOGETHER = 12  # photographs in a file of the cache


@dataclass(frozen=True)
class ScanPlan:
    """Which photographs are made of which sensors."""

    camera: Camera = field(default_factory=Camera)
    patch: int = 40
    """Side of a patch in pixels."""
    positions: int = 6
    """Scan positions, from one edge of the sensor to the other; the first and the last show what lies beside it."""
    clean: int = 8
    """Sensors without a defect."""
    strong: int = 0
    """Sensors with a strong defect on every photograph."""
    weak: int = 0
    """Sensors with a weak one."""
    kinds: tuple[str, ...] = ("scratch", "dust", "stain")
    """Of the defects, one on a photograph, by turns."""
    first: int = 0
    """Number of the first sensor; the same number is the same sensor."""

    def __post_init__(self) -> None:
        if self.positions < 1 or self.clean + self.strong + self.weak < 1 or not self.kinds:
            raise InputError(f"expected a position, a sensor and a kind of defect, got {self}")
        if self.camera.rows % self.patch or self.camera.columns % self.patch:
            got = f"{self.camera.rows} x {self.camera.columns} with patches of {self.patch}"
            raise InputError(f"expected images of whole patches, got {got}")

    def photographs(self) -> list[tuple[int, int, str, str]]:
        """Sensor, position, kind and level of each."""
        levels = [""] * self.clean + ["strong"] * self.strong + ["weak"] * self.weak
        return [
            (
                self.first + sensor,
                position,
                self.kinds[(sensor + position) % len(self.kinds)] if level else "",
                level,
            )
            for sensor, level in enumerate(levels)
            for position in range(self.positions)
        ]


@dataclass(frozen=True)
class Sensors:
    """Sensors of each sample of a study; no sensor is in two."""

    train: int = 8
    """Clean, to train on."""
    annotated: int = 4
    """With strong defects, and as many with weak ones, to train classifiers on."""
    calibration: int = 8
    """Clean: what scores are usual at each position."""
    validation: int = 12
    """Clean, to set thresholds; a third as many with strong and with weak defects, to choose by."""
    test: int = 12
    """Clean; two thirds as many with strong and with weak defects."""

    def plans(self, plan: ScanPlan) -> dict[str, ScanPlan]:
        """The plan of each sample."""
        few, some = (max(1, share) for share in (self.validation // 3, 2 * self.test // 3))
        counts = {
            "train": (self.train, 0), "annotated": (0, self.annotated), "calibration": (self.calibration, 0),
            "validation": (self.validation, few), "test": (self.test, some),
        }  # fmt: skip
        return {
            name: replace(plan, clean=clean, strong=defects, weak=defects, first=1000 * number)
            for number, (name, (clean, defects)) in enumerate(counts.items())
        }


def sensor_scans(plan: ScanPlan, *, seed: int, workers: int = 2, progress: bool = False) -> PatchImages:
    """The photographs of a plan; each follows from the seed, its sensor and its position alone.

    A patch has a defect where any of its pixels has one, and is background where less than half of it shows the sensor.
    """
    chunks = Chunks(_photographs, _Seeded(plan, seed), len(plan.photographs()), _TOGETHER, seed, _VERSION)
    parts = run_chunks(chunks, workers=workers, progress=progress, label="photographs")
    whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return PatchImages(list(whole.pop("images")), **whole)


@dataclass(frozen=True)
class _Seeded:
    plan: ScanPlan
    seed: int


def _photographs(seeded: _Seeded, items: range, _: np.random.SeedSequence) -> dict[str, np.ndarray]:
    plan, wanted = seeded.plan, [seeded.plan.photographs()[item] for item in items]
    every = scan_positions(plan.camera)
    centres = every[np.linspace(0, len(every) - 1, plan.positions).round().astype(int)]
    made: dict[str, list[Any]] = {key: [] for key in ("images", "defect", "background")}
    for sensor, position, kind, level in wanted:
        change = np.random.default_rng([seeded.seed, sensor]).uniform(-1, 1) * plan.camera.reflectivity
        found = photograph(
            centres[position], generator=np.random.default_rng([seeded.seed, sensor, position]), camera=plan.camera,
            defect=kind or None, level=level or "strong", reflectivity=1 + change,
        )  # fmt: skip
        made["images"].append(np.round(255 * found.image).astype(np.uint8))
        made["defect"].append(_share(found.defect, plan.patch) > 0)
        made["background"].append(_share(found.on_sensor, plan.patch) < 0.5)
    sensors, positions, kinds, levels = zip(*wanted, strict=True)
    return {
        "object": np.array(sensors), "position": np.array(positions), "kind": np.array(kinds, "U16"),
        "level": np.array(levels, "U16"), **{key: np.stack(values) for key, values in made.items()},
    }  # fmt: skip


def _share(mask: Bool[np.ndarray, "height width"], patch: int) -> Float[np.ndarray, "row column"]:
    """Share of each patch."""
    rows, columns = mask.shape
    return mask.reshape(rows // patch, patch, columns // patch, patch).mean(axis=(1, 3))
