"""Validation of settings against the machine, before any computation.

A setting of one of these names means the same in every system: ``seed``, ``seeds``, ``workers``, ``device``,
``accelerator``, ``devices``, ``strategy``, ``nodes``.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from femtobarn.errors import InputError, nearest
from femtobarn.parts import processors
from femtobarn.settings.plain import flatten, to_dict

#: The limit of NumPy; torch takes larger seeds, but not once the steps of a training are added.
LARGEST_SEED = 2**32 - 1

_ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
_PLACES = ("device", "accelerator")

C = TypeVar("C")


def on_device(config: C, name: str) -> C:
    """The settings with all their trainings on one kind of device: each ``device`` and ``accelerator`` in them.

    Raises:
        InputError: The machine has no such device, or nothing in these settings runs on one.
    """
    placed, found = _placed(config, name)
    if not found:
        raise InputError(f"nothing of this system runs on a device of its own: leave out --device {name}")
    _check_device("device", name)
    return placed


def device_of(config: object) -> str:
    """Kinds of devices that the trainings of some settings use, as they name them; cpu where they name none."""
    flat = flatten(to_dict(config))
    return ", ".join(sorted({v for path, v in flat.items() if path.rpartition(".")[2] in _PLACES})) or "cpu"


def _placed(config: C, name: str) -> tuple[C, bool]:
    changes, found = dict[str, Any](), False
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if field.name in _PLACES:
            changes[field.name], found = name, True
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[field.name], within = _placed(value, name)
            found |= within
    return dataclasses.replace(config, **changes), found  # type: ignore[type-var]


def check_machine(config: object) -> None:
    """Check the seeds, processes and devices of a dataclass of settings, or of plain settings, at any depth.

    Raises:
        InputError: A seed that no generator takes, a device that this machine does not have, or more processes
            than it has processors.
    """
    flat = flatten(dict(config) if isinstance(config, Mapping) else to_dict(config))
    for path, value in flat.items():
        group, _, name = path.rpartition(".")
        if name in ("seed", "seeds"):
            for seed in value if isinstance(value, list) else [value]:
                _check_seed(path, seed)
        elif name == "workers" and value is not None and value < 1:
            raise InputError(f"{path} must be at least 1: got {value}")
        elif name == "device":
            _check_device(path, value)
        elif name == "accelerator":
            _check_accelerator(path, value)
            devices = f"{group}.devices".lstrip(".")
            _check_devices(devices, flat.get(devices, 1), value)
        elif name == "strategy":
            _check_strategy(path, value)
        elif name == "nodes" and value > 1 and not {"WORLD_SIZE", "SLURM_NTASKS"} & os.environ.keys():
            raise InputError(f"{path}: several machines are started by torchrun or SLURM, not by one command")


def _check_seed(path: str, seed: Any) -> None:
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"{path} must be from 0 to {LARGEST_SEED}: got {seed}")


def _check_device(path: str, name: str) -> None:
    if name == "cpu":
        return
    import torch

    try:
        device = torch.device(name)
        count = torch.get_device_module(device).device_count()
    except (RuntimeError, TypeError):  # no device at all, or one of torch that runs nothing, such as meta
        raise InputError(f"{path} must be a device, as cpu or cuda: got {name!r}") from None
    if (device.index or 0) >= count:
        raise InputError(f"{path}: this machine has {count} devices of that kind: got {name!r}")


def _check_accelerator(path: str, name: str) -> None:
    if name not in _ACCELERATORS:
        from pytorch_lightning.accelerators import AcceleratorRegistry  # those that plug-ins bring

        if name not in (known := {*_ACCELERATORS, *AcceleratorRegistry.available_accelerators()}):
            raise InputError(f"{path}: no accelerator {name!r}: {nearest(name, known)}")
    if name not in ("auto", "cpu") and not _gpus(name):
        raise InputError(f"{path}: this machine has no device for {name!r}: choose cpu or auto")


def _check_devices(path: str, devices: int, accelerator: str) -> None:
    # Two processes may share a processor, so that what is meant for many can be tried on one.
    most = (accelerator != "cpu" and _gpus(accelerator)) or max(2, processors())
    if devices > most:
        raise InputError(f"{path} must be at most {most} on this machine: got {devices}")


def _check_strategy(path: str, name: str) -> None:
    if name == "auto":
        return
    from pytorch_lightning.strategies import StrategyRegistry

    known = ["auto", *StrategyRegistry.available_strategies()]
    if name not in known:
        raise InputError(f"{path}: no strategy {name!r}: {nearest(name, known)}")


def _gpus(accelerator: str) -> int:
    import torch

    kinds = ("cuda", "mps") if accelerator in ("auto", "gpu") else (accelerator,)
    return max(torch.get_device_module(kind).device_count() for kind in kinds)
