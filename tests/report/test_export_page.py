import dataclasses
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from femtobarn.hardware.network_export import Exported, export_network
from femtobarn.nn.quantised import calibrate, quantise, to_integer
from femtobarn.report.export_page import write_export_page
from femtobarn.runs import Provenance, Result, Run

HOSTILE = """<script>window.hacked = 1</script>"'<img src=http://x.invalid/a onerror="window.hacked = 2">"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    net = quantise(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), x, fraction=4.0)
    calibrate(net, x)
    inputs = x.double().numpy()
    return export_network(
        net.eval(),
        to_integer(net),
        tmp_path_factory.mktemp("export"),
        to="verilog",
        name="small-seed1",
        vectors=inputs[:50],
        test=3 * inputs,
        optimise=False,
        synthesis=False,
        calls=3,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run.create(tmp_path, system="hgq", preset="tiny", settings={}, seed=1)
    made.set_data(Provenance("stand-in", "hls4ml jets", source="a mixture"))
    return made


def page(exported: Exported, run: Run, **texts: str) -> str:
    words = {"summary": "A tagger.", "inputs": "Six numbers."} | texts
    quality = [
        Result("accuracy", 0.75, 0.01, n=400, split="test", labels={"method": "trained bits"}),
        Result("accuracy", 0.76, labels={"method": "floating point"}),
    ]
    return write_export_page(exported, run, quality=quality, **words).read_text()


def text(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)))


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_the_page_has_cost_checks_quality_interface_and_files(exported: Exported, run: Run) -> None:
    said = text(page(exported, run))
    assert "bit for bit" in said
    assert "STAND-IN" in said
    assert f"EBOPs {exported.ebops}" in said
    assert f"numbers off their range {sum(exported.overflows.values())}" in said
    assert "mismatches 0" in said
    assert "vectors simulated 50" in said
    assert "single event [us]" in said
    assert "0.750 ± 0.010" in said
    assert "input word: 6 numbers in" in said
    for name, count in exported.overflows.items():
        if count:
            assert f"{name} wraps {count}" in said
    assert "vvp simulation && cmp outputs.hex expected.hex" in said
    for name in ("femtobarn.v", "testbench.v", "inputs.hex", "expected.hex", "model.npz", "network.onnx"):
        assert name in said
    for note in exported.notes:
        assert note in said


def test_the_page_needs_nothing_from_elsewhere(exported: Exported, run: Run) -> None:
    html = page(exported, run)
    assert "default-src 'none'" in html
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", html)


def test_words_lie_one_after_the_other(exported: Exported, run: Run) -> None:
    rows = re.findall(r'<tr><td>(\d+)</td><td class="number">(\d+):(\d+)</td>', page(exported, run))
    ends: dict[str, int] = {}
    word = 0
    for number, last, first in rows:
        word += number == "0"
        assert int(first) == ends.get(str(word), -1) + 1
        ends[str(word)] = int(last)
    assert word == 2
    assert exported.verilog is not None


def test_mismatches_and_missing_checks_cannot_be_overlooked(exported: Exported, run: Run) -> None:
    assert exported.verilog is not None
    for mismatches, words in ((7, "7 mismatches"), (None, "not verified")):
        report = dataclasses.replace(exported.verilog, mismatches=mismatches)
        bad = dataclasses.replace(exported, mismatches=mismatches, verilog=report, notes=("no tool",))
        said = text(page(bad, run))
        assert words in said
        assert "bit for bit" not in said
        assert "Left out: no tool" in said
        assert ("do not use it" in said) == (mismatches == 7)
        assert ("vectors simulated" in said) == (mismatches == 7)


def test_texts_are_only_texts(exported: Exported, run: Run) -> None:
    html = page(exported, run, summary=HOSTILE, inputs=HOSTILE)
    assert "<script" not in html
    assert "<img" not in html
    assert np.char.count(html, "hacked") == 4
