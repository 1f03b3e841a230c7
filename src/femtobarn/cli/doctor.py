"""The verb ``doctor``: what is installed, what the machine has, and what is kept on its disk."""

import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

#: Programs that some parts start, and what for.
PROGRAMS = {"yosys": "synthesis of Verilog", "iverilog": "simulation of Verilog"}


def doctor() -> None:
    """Tell which extras work, what the machine has, and how much the cache holds."""
    for line in lines():
        print(line)


def lines() -> Iterator[str]:
    """The report, line by line."""
    import torch

    from femtobarn import __version__

    yield f"femtobarn {__version__}, Python {platform.python_version()}, torch {torch.__version__}"
    cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield f"machine: {cores} cores, GPU: {', '.join(cuda) or 'none that torch sees'}"
    yield "\nextras:"
    for extra, lacking in extras().items():
        state = f"lacks {', '.join(lacking)}: pip install 'femtobarn[{extra}]'" if lacking else "complete"
        yield f"  {extra:10} {state}"
    yield "\nprograms:"
    for name, use in PROGRAMS.items():
        yield f"  {name:10} {shutil.which(name) or 'not found'} ({use})"
    yield "\nfiles:"
    yield from _places()


def extras() -> dict[str, list[str]]:
    """For each extra the packages that are not installed, or are too old."""
    from packaging.requirements import Requirement

    found: dict[str, list[str]] = {}
    for text in importlib.metadata.requires("femtobarn") or []:
        wanted = Requirement(text)
        for extra in re.findall(r"extra == [\"']([\w-]+)[\"']", text):
            lacking = found.setdefault(extra, [])
            if wanted.name != "femtobarn" and not _holds(wanted.name, str(wanted.specifier)):
                lacking.append(f"{wanted.name}{wanted.specifier}")
    return found


def _holds(package: str, specifier: str) -> bool:
    from packaging.specifiers import SpecifierSet

    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return SpecifierSet(specifier).contains(version, prereleases=True)


def _places() -> Iterator[str]:
    from femtobarn.data.cache import cache_folder

    cache = cache_folder()
    files = [path.stat().st_size for path in cache.rglob("*") if path.is_file()] if cache.is_dir() else []
    yield f"  cache      {cache}: {sum(files) / 2**30:.2f} GiB in {len(files)} files; delete it at any time"
    yield "             (FEMTOBARN_CACHE names another folder)"
    data = os.environ.get("FEMTOBARN_DATA")
    state = "" if data is None or Path(data).is_dir() else ", which is no folder"
    yield f"  real data  {data or 'none: FEMTOBARN_DATA names the folder of the public samples'}{state}"
