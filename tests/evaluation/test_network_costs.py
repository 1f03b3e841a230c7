"""What networks cost, beside each other."""

import time

import torch
from torch import nn

from femtobarn.evaluation.network_costs import latencies, network_costs


def test_costs_of_dense_layers_are_those_counted_by_hand() -> None:
    nets = {"small": nn.Linear(8, 4), "large": nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))}
    found = network_costs(nets, (torch.zeros(1, 8),), calls=3, what="jet", size=5)
    values = {(each.name, each.labels["network"]): each for each in found}
    assert values["weights", "small"].value == 8 * 4 + 4
    assert values["weights", "large"].value == 8 * 16 + 16 + 16 * 4 + 4
    assert values["multiply-adds of a jet", "small"].value == 8 * 4
    assert values["multiply-adds of a jet", "large"].value == 8 * 16 + 16 * 4
    assert values["multiply-adds of a jet", "large"].n == 5
    latency = values["latency of one jet, torch", "small"]
    assert latency.value > 0
    assert (latency.unit, latency.n, latency.error_kind) == ("us", 3, "95 % quantile - median")
    names = [each.name for each in found]
    assert names == sorted(names, key=names.index), "rows of one quantity stand together"
    untimed = network_costs(nets, (torch.zeros(1, 8),), calls=0)
    assert {each.name for each in untimed} == {"weights", "multiply-adds of an event"}


def test_latencies_are_told_with_one_thread_and_with_all() -> None:
    found = latencies({"fast": lambda: None, "slow": lambda: time.sleep(0.004)}, calls=4)
    values = {(each.labels["step"], each.labels["threads"], each.labels["quantity"]): each for each in found}
    assert {threads for _, threads, _ in values} >= {"1"}
    for (step, _, quantity), each in values.items():
        assert (each.unit, each.n) == ("ms", 4)
        assert each.value > (4 if step == "slow" else 0)
        if quantity == "99 %":
            assert each.value >= values[step, each.labels["threads"], "median"].value
    assert latencies({"fast": lambda: None}, calls=0) == []
