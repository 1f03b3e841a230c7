"""Flat graphs and the networks that score their edges: sums, order, memory, gradients, export."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn import (
    EdgeNetwork,
    Graph,
    InteractionNetwork,
    TrackCondenser,
    joined_graphs,
    line_graph,
    scatter_max,
    scatter_mean,
    scatter_sum,
)

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "interaction": lambda **own: InteractionNetwork(3, 2, width=8, rounds=3, **own),
    "interaction, shared": lambda **own: InteractionNetwork(3, 2, width=8, rounds=3, shared=True, **own),
    "edge": lambda **own: EdgeNetwork(3, 2, width=8, rounds=3, layers=3, **own),
}
each_network = pytest.mark.parametrize("name", NETWORKS)


def network(name: str, **own: bool | int) -> nn.Module:
    torch.manual_seed(1)
    return NETWORKS[name](**own).double()


def graph(nodes: int = 12, edges: int = 30, seed: int = 1) -> Graph:
    draw = torch.Generator().manual_seed(seed)
    return Graph(
        torch.randn(nodes, 3, generator=draw, dtype=torch.float64),
        torch.randint(nodes, (edges, 2), generator=draw),
        torch.randn(edges, 2, generator=draw, dtype=torch.float64),
    )


# Sums


@given(seed=st.integers(0, 1000), rows=st.integers(0, 40), groups=st.integers(1, 9))
def test_groups_are_summed_as_by_a_loop(seed: int, rows: int, groups: int) -> None:
    draw = np.random.default_rng(seed)
    x, group = draw.normal(size=(rows, 2)), draw.integers(groups, size=rows)
    for function, reduce in ((scatter_sum, np.sum), (scatter_mean, np.mean), (scatter_max, np.max)):
        found = function(torch.from_numpy(x), torch.from_numpy(group), groups).numpy()
        for each in range(groups):
            own = x[group == each]
            np.testing.assert_allclose(found[each], reduce(own, axis=0) if len(own) else 0.0, atol=1e-12)


@pytest.mark.parametrize("function", [scatter_sum, scatter_mean, scatter_max])
def test_gradients_of_groups(function: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    x = torch.randn(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: function(t, torch.tensor([0, 2, 2, 0, 4, 4, 4]), 5), x)


# Graphs


@given(seed=st.integers(0, 1000), nodes=st.integers(1, 8), edges=st.integers(0, 25))
def test_the_line_graph_has_all_pairs_that_meet(seed: int, nodes: int, edges: int) -> None:
    edge = torch.from_numpy(np.random.default_rng(seed).integers(nodes, size=(edges, 2)))
    expected = {(i, j) for i in range(edges) for j in range(edges) if edge[i, 1] == edge[j, 0]}
    found = [tuple(pair) for pair in line_graph(edge).tolist()]
    assert len(found) == len(set(found))
    assert set(found) == expected


@each_network
def test_a_batch_gives_what_its_graphs_give(name: str) -> None:
    parts, net = [graph(12, 30, 1), graph(5, 0, 2), graph(7, 9, 3)], network(name)
    torch.testing.assert_close(net(*joined_graphs(parts)), torch.cat([net(*each) for each in parts]))


def test_graphs_that_do_not_fit_are_told() -> None:
    good = graph()
    assert good.check() is good
    for bad, words in (
        (good._replace(edge=good.edge + 9), "nodes 0 to 11"),
        (good._replace(feature=good.feature[1:]), "30 edges"),
        (good._replace(node=good.node * torch.nan), "node 0"),
    ):
        with pytest.raises(InputError, match=words):
            bad.check()
    with pytest.raises(InputError, match="at least one"):
        joined_graphs([])


# Networks


def test_a_condenser_reads_nodes_off_and_all_its_weights_learn() -> None:
    torch.manual_seed(1)
    net = TrackCondenser(3, 2, dimensions=4, width=8, rounds=2).double().train()
    parts = [graph(12, 30, 1), graph(5, 0, 2), graph(7, 9, 3)]
    found = net(*joined_graphs(parts))
    assert found.shape == (24, 5)
    torch.testing.assert_close(found, torch.cat([net(*each) for each in parts]))
    found.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


@each_network
def test_scores_follow_any_order_of_nodes_and_edges(name: str) -> None:
    net, (node, edge, feature) = network(name), graph()
    draw = torch.Generator().manual_seed(3)
    nodes, edges = torch.randperm(len(node), generator=draw), torch.randperm(len(edge), generator=draw)
    place = torch.empty_like(nodes)
    place[nodes] = torch.arange(len(nodes))
    expected = net(node, edge, feature)[edges]
    torch.testing.assert_close(net(node[nodes], place[edge[edges]], feature[edges]), expected)


@each_network
def test_messages_go_as_far_as_there_are_rounds(name: str) -> None:
    """The score of the first edge of a chain knows of nodes up to three edges from its own, and of no farther ones."""
    chain = torch.tensor([[i, i + 1] for i in range(9)])
    node = torch.randn(
        10, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True
    )
    network(name)(node, chain, torch.zeros(9, 2, dtype=torch.float64))[0].backward()
    assert node.grad is not None
    seen = node.grad.abs().sum(dim=1) > 0
    assert seen[:5].all()
    assert not seen[5:].any()


@each_network
def test_checkpoints_change_no_gradient(name: str) -> None:
    """Acceptance 7 of the sheet."""
    found = []
    for checkpointed in (True, False):
        net = network(name, checkpointed=checkpointed).train()
        net(*graph()).square().sum().backward()
        found.append([weight.grad for weight in net.parameters()])
    assert all(grad is not None and grad.abs().sum() > 0 for grad in found[0]), "every weight learns"
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("name", ["interaction", "interaction, shared"])
def test_pieces_change_no_score_and_no_gradient(name: str) -> None:
    whole, pieces = network(name), network(name, piece=7)
    for net in (whole, pieces):
        net(*graph()).square().sum().backward()
    torch.testing.assert_close(pieces(*graph()), whole(*graph()))
    for one, other in zip(pieces.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@each_network
def test_units_of_the_inputs_do_not_matter_once_the_scale_is_known(name: str) -> None:
    net, (node, edge, feature) = network(name), graph()
    found = []
    for factor, shift in ((1.0, 0.0), (1000.0, 5.0)):
        net.fit_scale(factor * node + shift, factor * feature)
        found.append(net(factor * node + shift, edge, factor * feature))
    torch.testing.assert_close(*found)


@each_network
def test_a_saved_network_gives_the_same(name: str) -> None:
    net, other = network(name), NETWORKS[name]().double()
    net.fit_scale(*graph()[::2])
    other.load_state_dict(net.state_dict())
    torch.testing.assert_close(other(*graph()), net(*graph()))


@each_network
def test_a_graph_without_edges_has_no_scores(name: str) -> None:
    assert network(name)(*graph(4, 0)).shape == (0,)


@each_network
def test_onnx_takes_any_number_of_nodes_and_edges(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net, example = network(name).float().eval(), graph()
    inputs = Graph(example.node.float(), example.edge, example.feature.float())
    axes = {"node": "node", "edge": "edge", "feature": "edge"}
    check = export_onnx(net, inputs._asdict(), tmp_path / "n.onnx", axis=axes, tolerance=1e-5)
    assert check.mismatches == 0
    session = runtime.InferenceSession(tmp_path / "n.onnx", providers=["CPUExecutionProvider"])
    other = graph(50, 211, 4)
    node, feature = other.node.float(), other.feature.float()
    (found,) = session.run(
        None, {"node": node.numpy(), "edge": other.edge.numpy(), "feature": feature.numpy()}
    )
    with torch.no_grad():
        np.testing.assert_allclose(found, net(node, other.edge, feature).numpy(), atol=1e-5)


@each_network
def test_a_network_learns_which_edges_are_right(name: str) -> None:
    """Edges between nodes of the same sign of the first feature."""
    (node, edge, feature), net = graph(80, 500, 5), network(name, checkpointed=False)
    right = (node[edge[:, 0], 0] * node[edge[:, 1], 0] > 0).double()
    best = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(60):
        best.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(node, edge, feature), right)
        loss.backward()
        best.step()
    assert loss < 0.3, "0.69 without knowledge"
