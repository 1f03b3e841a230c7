"""What networks cost, beside each other."""

import torch
from torch import nn

from femtobarn.evaluation.network_costs import network_costs


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
