"""A device that there is not: its tensors are held by tensors on the CPU, and it does what a GPU does with them.

Operations that mix tensors of the device with others fail, as they do with a GPU, and what makes the processor wait
for a number of the device can be counted. Values are those of the CPU, so that a whole training can run on it. torch
takes a device of this kind once a process, before anything has been differentiated: use it in a process of its own.
"""

import functools
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.utils import _pytree as trees
from torch.utils._mode_utils import no_dispatch

NAME = "pretended"
_HERE = torch.device("cpu")
_COPIES = {"aten::copy_", "aten::_to_copy", "aten::_copy_from"}
_PACKED = "aten::_pack_padded_sequence"
_MIXED = {*_COPIES, _PACKED, f"{_PACKED}_backward"}  # lengths of sequences are on the CPU everywhere


class Watch:
    """What is done on the device meanwhile."""

    def __init__(self) -> None:
        self.used = False
        self.waits = list[str]()
        """What waited for a number of the device, or brought numbers there: operation and place in femtobarn."""


_watch: Watch | None = None


class Pretended(torch.Tensor):
    """A tensor on the device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "Pretended":
        made: Pretended = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=f"{NAME}:0",
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"{NAME}({self.held})"

    @classmethod
    def __torch_dispatch__(cls, operation: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _carried_out(operation, args, kwargs or {})


def _carried_out(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves, shape = trees.tree_flatten((args, kwargs))
    name = operation._schema.name
    own = {id(each.held): each for each in leaves if isinstance(each, Pretended)}
    strangers = [
        each for each in leaves if isinstance(each, torch.Tensor) and not isinstance(each, Pretended)
    ]
    if own and name not in _MIXED and any(each.dim() for each in strangers):
        raise RuntimeError(f"{name} of tensors on {NAME} and on the CPU")
    wanted = kwargs.get("device")
    away = wanted is not None and torch.device(wanted).type != NAME
    if _watch is not None:
        _watch.used = True
        if name == "aten::_local_scalar_dense" or (name in _COPIES and (away or strangers)):
            _watch.waits.append(f"{name.removeprefix('aten::')} by {_caller()}")
    held = [
        each.held if isinstance(each, Pretended) else _HERE if isinstance(each, torch.device) else each
        for each in leaves
    ]
    if torch.Tag.inplace_view in operation.tags:  # the outside changes its shape as well
        with no_dispatch(), _meta():
            operation(*args, **kwargs)
    args, kwargs = trees.tree_unflatten(held, shape)
    found = _CELLS.get(name, operation)(*args, **kwargs)
    if away:
        return found.clone() if any(found is each for each in held) else found
    if name == _PACKED:
        return Pretended(found[0]), found[1]
    return trees.tree_map(functools.partial(_back, own), found)


@contextmanager
def _meta() -> Iterator[None]:
    """Operations without numbers, on the shapes alone."""
    before = torch._C._meta_in_tls_dispatch_include()
    torch._C._set_meta_in_tls_dispatch_include(True)
    try:
        yield
    finally:
        torch._C._set_meta_in_tls_dispatch_include(before)


def _lstm_cell(
    seen: torch.Tensor, kept: torch.Tensor, cx: torch.Tensor, seen_bias: Any = None, kept_bias: Any = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The cell that torch takes for every device but the processor, by its formula."""
    gates = seen + kept + (0 if seen_bias is None else seen_bias + kept_bias)
    i, f, g, o = gates.chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    cy = f * cx + i * g
    return o * cy.tanh(), cy, torch.cat((i, f, g, o), dim=1)


def _lstm_cell_backward(
    of_hy: Any, of_cy: Any, cx: torch.Tensor, cy: torch.Tensor, gates: torch.Tensor, has_bias: bool
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    i, f, g, o = gates.chunk(4, dim=1)
    of_hy = torch.zeros_like(cy) if of_hy is None else of_hy
    of_c = of_hy * o * (1 - cy.tanh() ** 2) + (0 if of_cy is None else of_cy)
    slopes = (
        of_c * g * i * (1 - i),
        of_c * cx * f * (1 - f),
        of_c * i * (1 - g**2),
        of_hy * cy.tanh() * o * (1 - o),
    )
    of_gates = torch.cat(slopes, dim=1)
    return of_gates, of_c * f, of_gates.sum(dim=0) if has_bias else None


def _gru_cell(
    seen: torch.Tensor, kept: torch.Tensor, hx: torch.Tensor, seen_bias: Any = None, kept_bias: Any = None
) -> tuple[torch.Tensor, torch.Tensor]:
    seen_r, seen_z, seen_n = (seen + (0 if seen_bias is None else seen_bias)).chunk(3, dim=1)
    kept_r, kept_z, kept_n = (kept + (0 if kept_bias is None else kept_bias)).chunk(3, dim=1)
    r, z = (seen_r + kept_r).sigmoid(), (seen_z + kept_z).sigmoid()
    n = (seen_n + r * kept_n).tanh()
    return n + z * (hx - n), torch.cat((r, z, n, hx, kept_n), dim=1)


def _gru_cell_backward(of_hy: torch.Tensor, saved: torch.Tensor, has_bias: bool) -> tuple[Any, ...]:
    r, z, n, hx, kept_n = saved.chunk(5, dim=1)
    of_n = of_hy * (1 - z) * (1 - n**2)
    of_r, of_z = of_n * kept_n * r * (1 - r), of_hy * (hx - n) * z * (1 - z)
    of_seen, of_kept = torch.cat((of_r, of_z, of_n), dim=1), torch.cat((of_r, of_z, of_n * r), dim=1)
    of_bias = (of_seen.sum(dim=0), of_kept.sum(dim=0)) if has_bias else (None, None)
    return of_seen, of_kept, of_hy * z, *of_bias


_CELLS = {
    "aten::_thnn_fused_gru_cell": _gru_cell,
    "aten::_thnn_fused_gru_cell_backward": _gru_cell_backward,
    "aten::_thnn_fused_lstm_cell": _lstm_cell,
    "aten::_thnn_fused_lstm_cell_backward_impl": _lstm_cell_backward,
}


def _back(own: dict[int, "Pretended"], value: Any) -> Any:
    """A result on the device; what was changed in place is the tensor that it was."""
    if not isinstance(value, torch.Tensor):
        return value
    return own[id(value)] if id(value) in own else Pretended(value)


def _caller() -> str:
    """The line of femtobarn that led here."""
    lines = [each for each in traceback.extract_stack() if "/femtobarn/" in each.filename]
    return (
        f"{lines[-1].filename.rpartition('/femtobarn/')[2]}:{lines[-1].lineno} {lines[-1].line}"
        if lines
        else "?"
    )


@contextmanager
def watched() -> Iterator[Watch]:
    """What is done on the device inside the context."""
    global _watch
    before, _watch = _watch, Watch()
    try:
        yield _watch
    finally:
        _watch = before


class _Module:
    """What torch asks of the module of a device."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


class _Generator(torch.Generator):
    """Random numbers for any device: those of the CPU."""

    place: torch.device

    def __new__(cls, device: Any = "cpu") -> "_Generator":
        made = super().__new__(cls)
        made.place = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.place


_registered: list[torch.library.Library] = []


def register() -> None:
    """Make torch and Lightning know the device."""
    from pytorch_lightning.accelerators import AcceleratorRegistry
    from pytorch_lightning.trainer.connectors.accelerator_connector import _AcceleratorConnector
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    library = torch.library.Library("aten", "IMPL")
    for name, operation in _factories():
        library.impl(name, _made(operation), "PrivateUse1")
    library.impl("_copy_from", _copied, "PrivateUse1")
    _registered.append(library)
    torch.nn.Module._apply = _keeping_weights(torch.nn.Module._apply)  # type: ignore[method-assign]
    torch.Generator = _Generator  # type: ignore[assignment, misc]
    torch.inference_mode = _inference_mode  # type: ignore[assignment, misc]
    AcceleratorRegistry.register(NAME, _accelerator(), override=True)
    _AcceleratorConnector._choose_strategy = _strategy(_AcceleratorConnector._choose_strategy)  # type: ignore[method-assign]


def _inference_mode(mode: bool = True) -> Any:
    """The true one has no views of wrapped tensors."""
    return torch.no_grad() if mode else nullcontext()


def _keeping_weights(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Weights that move stay the same objects, as those that go to a GPU do: optimisers hold on to them."""

    @functools.wraps(apply)
    def keeping(*args: Any, **kwargs: Any) -> Any:
        before = torch.__future__.get_swap_module_params_on_conversion()
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            return apply(*args, **kwargs)
        except RuntimeError:  # somebody looks at a weight: a graph that is not yet collected
            torch.__future__.set_swap_module_params_on_conversion(False)
            return apply(*args, **kwargs)
        finally:
            torch.__future__.set_swap_module_params_on_conversion(before)

    return keeping


def _strategy(choose: Callable[..., Any]) -> Callable[..., Any]:
    """Lightning knows which devices are no processor, and would train on it."""
    from pytorch_lightning.strategies import SingleDeviceStrategy

    @functools.wraps(choose)
    def chosen(connector: Any) -> Any:
        if getattr(connector._accelerator_flag, "name", str)() == NAME or connector._accelerator_flag == NAME:
            return SingleDeviceStrategy(device=torch.device(NAME, 0))
        return choose(connector)

    return chosen


def _factories() -> Iterator[tuple[str, Any]]:
    """Operations that make a tensor of none."""
    for full in torch._C._dispatch_get_all_op_names():
        if not full.startswith("aten::") or torch._C._dispatch_has_kernel_for_dispatch_key(
            full, "CompositeImplicitAutograd"
        ):
            continue
        name, _, overload = full.removeprefix("aten::").partition(".")
        try:
            operation = getattr(getattr(torch.ops.aten, name), overload or "default")
        except (AttributeError, RuntimeError):
            continue
        arguments = operation._schema.arguments
        if any(each.name == "device" for each in arguments) and not any(
            "Tensor" in str(each.type) for each in arguments
        ):
            yield full.removeprefix("aten::"), operation


def _made(operation: Any) -> Callable[..., Pretended]:
    def make(*args: Any, device: Any = None, **kwargs: Any) -> Pretended:  # noqa: ARG001
        return Pretended(operation(*args, device="cpu", **kwargs))

    return make


def _copied(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    held = [each.held if isinstance(each, Pretended) else each for each in (source, target)]
    if _watch is not None:
        _watch.waits.append(f"_copy_from by {_caller()}")
    held[1].copy_(held[0], non_blocking)
    return target


def _accelerator() -> type:
    from pytorch_lightning.accelerators import Accelerator

    class PretendedAccelerator(Accelerator):
        @staticmethod
        def name() -> str:
            return NAME

        def setup_device(self, device: torch.device) -> None:
            pass

        def get_device_stats(self, device: Any) -> dict[str, Any]:
            return {}

        def teardown(self) -> None:
            pass

        @staticmethod
        def parse_devices(devices: Any) -> Any:
            return devices

        @staticmethod
        def get_parallel_devices(devices: Any) -> list[torch.device]:
            return [torch.device(NAME, place) for place in range(int(devices))]

        @staticmethod
        def auto_device_count() -> int:
            return 1

        @staticmethod
        def is_available() -> bool:
            return True

    return PretendedAccelerator
