"""Adder graphs for trained networks: our two emitters and the open compilers da4ml and alkaid on the same integers.

Run `python benchmarks/verilog.py`; it needs iverilog, yosys, alkaid and da4ml (pip install da4ml), prints a table and
writes results/verilog.json in some ten minutes, most of which are yosys'. Every Verilog is simulated on the
same vectors; look-up tables are counted by the same yosys script, inverters included.
"""

import argparse
import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from _common import machine, one_thread, store
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.integer_model import IntegerModel
from femtobarn.hardware.integer_nodes import Input, Linear, Quantise, Relu, Shift
from femtobarn.hardware.synthesis import synthesise
from femtobarn.hardware.testbench import simulate
from femtobarn.hardware.verilog import Port, VerilogSources, verilog
from femtobarn.nn.quantised import calibrate, ebops, quantise, to_integer

BETAS = (2e-5, 1e-4)
EVENTS, EPOCHS, VECTORS = 20_000, 20, 500


def mixture(n: int, g: np.random.Generator, centres: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Five classes of 16 features, three centres each, some events with doubled width."""
    label = g.integers(0, 5, n)
    width = np.where(g.random(n) < 0.3, 1.8, 0.9)
    x = centres[label, g.integers(0, 3, n)] + width[:, None] * g.normal(size=(n, 16))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(label)


def trained(beta: float) -> tuple[IntegerModel, np.ndarray, float]:
    """A network 16-32-16-5 at this price of an EBOP, test events, and its accuracy on them."""
    torch.manual_seed(0)
    g = np.random.default_rng(0)
    centres = g.normal(size=(5, 3, 16))
    (x, y), (test, answers) = (mixture(n, g, centres) for n in (EVENTS, 5000))
    layers = [nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 5)]
    net = quantise(nn.Sequential(*layers), x[:1000])
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(EPOCHS):
        price = beta * min(1.0, 10 ** (3 * (epoch / (EPOCHS / 2) - 1)))
        for batch in torch.randperm(len(x)).split(1000):
            loss = F.cross_entropy(net(x[batch]), y[batch]) + price * ebops(net)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    calibrate(net, x)
    model, events = to_integer(net), test.double().numpy()
    return model, events, float((model(events).argmax(axis=1) == answers.numpy()).mean())


def compiled(package: str, model: IntegerModel) -> VerilogSources:
    """The network through a compiler's own trace and Verilog, fed with the model's input integers."""
    ops = importlib.import_module(f"{package}.trace.ops")
    trace = importlib.import_module(f"{package}.trace")
    inputs_of = trace.FVArrayInput if package == "alkaid" else trace.FixedVariableArrayInput
    finish = trace.trace if package == "alkaid" else trace.comb_trace
    values: list[Any] = []
    for node in model.nodes:
        source = values[node.sources[0]] if node.sources else None
        match node:
            case Input():
                inputs = inputs_of(model.input.shape)
                values.append(inputs.quantize(*_kif(node, node.format.fraction)))
            case Shift():
                values.append(source)
            case Linear():
                fraction = model.values[node.sources[0]].fraction
                weight = np.ldexp(node.weight.astype(float), fraction - node.fraction[:, None])
                values.append(source @ weight.T + np.ldexp(node.bias.astype(float), -node.fraction))
            case Relu():
                values.append(ops.relu(source))
            case Quantise():
                values.append(source.quantize(*_kif(node, node.format.fraction), "WRAP", "RND"))
            case _:
                raise TypeError(node)
    logic = finish(inputs, values[-1])
    return VerilogSources(
        module="peer",
        text=_text(package, logic),
        inputs=_ports(logic.inp_kifs, model.input.fraction),
        outputs=_ports(logic.out_kifs, model.output.fraction),
        latency=0,
        levels=0,
        adders=sum(op.opcode in (0, 1, 4) for op in logic.ops),
        luts=round(logic.cost),
        register_bits=0,
    )


def _kif(node: Input | Quantise, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    form, live = node.format, node.format.width > 0
    return tuple(np.where(live, each, 0) for each in (form.signed, form.integer, fraction))  # type: ignore[return-value]


def _ports(kifs: np.ndarray, fraction: np.ndarray) -> tuple[Port, ...]:
    """Ports of a compiler's module, in units of our integers."""
    signs, integers, fractions = np.asarray(kifs).astype(int)
    return tuple(
        Port(int(k + i + f), bool(k), int(ours - f)) if k + i + f > 0 else Port(0, False, 0)
        for k, i, f, ours in zip(signs, integers, fractions, fraction, strict=True)
    )


def _text(package: str, logic: Any) -> str:
    """The module with the static ones it instantiates, its ports named as ours."""
    rtl = importlib.import_module(f"{package}.codegen.rtl.verilog")
    folder = Path(rtl.__file__).parent / "source"
    static = [(folder / f"{name}.v").read_text() for name in ("shift_adder", "negative", "mux", "multiplier")]
    text = rtl.comb_logic_gen(logic, "peer").replace("model_inp", "in").replace("model_out", "out")
    return "\n".join((*static, text))


def measured(
    name: str, sources: VerilogSources, model: IntegerModel, x: np.ndarray, seconds: float
) -> dict[str, Any]:
    inputs = model.encode(x)
    wrong = int((simulate(sources, inputs) != model.run_integers(inputs)).sum())
    cells = synthesise(sources)
    return {
        "emitter": name,
        "adders": sources.adders,
        "levels": sources.levels or None,
        "estimate": sources.luts,
        "luts": cells.luts,
        "depth": cells.depth,
        "mismatches": wrong,
        "seconds": round(seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--betas", type=float, nargs="+", default=BETAS)
    arguments = parser.parse_args()
    one_thread()
    networks = []
    for beta in arguments.betas:
        model, x, accuracy = trained(beta)
        cost = effective_bit_operations(model)
        print(f"beta {beta:g}: accuracy {accuracy:.3f}, {cost} EBOPs")
        emitters = {
            "plain": lambda model=model: verilog(model, optimise=False),
            "optimised": lambda model=model: verilog(model),
            "alkaid": lambda model=model: compiled("alkaid", model),
            "da4ml": lambda model=model: compiled("da4ml", model),
        }
        rows = []
        for name, emit in emitters.items():
            start = time.perf_counter()
            sources = emit()
            rows.append(measured(name, sources, model, x[:VECTORS], time.perf_counter() - start))
            print("  ", rows[-1], flush=True)
        networks.append({"beta": beta, "accuracy": accuracy, "ebops": cost, "emitters": rows})
    about = machine(("femtobarn", "torch", "numpy", "alkaid", "da4ml"))
    print(store("verilog", {"vectors": VECTORS, "networks": networks, "machine": about}))


if __name__ == "__main__":
    main()
