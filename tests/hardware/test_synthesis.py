import shutil

import pytest
from _networks import integer_network, needs
from scipy.stats import spearmanr
from torch import nn

from femtobarn.hardware.circuit import Circuit
from femtobarn.hardware.cost import effective_bit_operations
from femtobarn.hardware.synthesis import synthesise
from femtobarn.hardware.testbench import MissingToolError
from femtobarn.hardware.verilog import verilog, verilog_of

yosys = needs("yosys", "yosys")


def adder() -> Circuit:
    circuit = Circuit()
    circuit.outputs = [circuit.add(circuit.input(0, 255, 0), circuit.input(0, 255, 0))]
    return circuit


@yosys
@pytest.mark.slow
def test_an_adder_of_eight_bits() -> None:
    combinational, registered = (synthesise(verilog_of(adder(), pipeline=p)) for p in (0, 1))
    assert combinational.luts == registered.luts == 8
    assert (combinational.flip_flops, registered.flip_flops) == (0, 9)
    assert combinational.depth > 0


def test_yosys_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match="yosys is not installed: apt install yosys"):
        synthesise(verilog_of(adder()))


@yosys
def test_yosys_too_slow() -> None:
    with pytest.raises(TimeoutError, match="yosys took longer"):
        synthesise(verilog_of(adder()), timeout=1e-3)


@yosys
@pytest.mark.slow
def test_look_up_tables_follow_the_effective_bit_operations() -> None:
    """Acceptance: LUT / EBOPs between 0.3 and 1.3 and monotonic along the front; our estimate is close."""
    pytest.importorskip("alkaid")
    net = nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))
    points = []
    for bits in (2.0, 2.6, 3.2, 4.0, 5.0):
        model, _ = integer_network(net, (12,), bits=bits)
        sources = verilog(model)
        points.append((effective_bit_operations(model), synthesise(sources).luts, sources.luts))
    ebops, luts, estimates = zip(*points, strict=True)
    assert all(0.3 < lut / cost < 1.3 for lut, cost in zip(luts, ebops, strict=True)), points
    assert all(0.8 < guess / lut < 1.25 for lut, guess in zip(luts, estimates, strict=True)), points
    assert spearmanr(ebops, luts).statistic > 0.95
    assert max(ebops) > 4 * min(ebops)
