"""Classification by the nearest class mean among the outputs of a network (Snell et al. 2017, arXiv:1703.05175)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from femtobarn.errors import InputError


def prototypes(
    embedded: Float[Tensor, "support feature"], label: Int[Tensor, " support"], ways: int
) -> Float[Tensor, "way feature"]:
    """The mean of each class: all that is learned from the labelled examples.

    Args:
        embedded: Outputs of any network.
        label: From 0 to ways - 1; best on the CPU, where checking it waits for nothing.
        ways: Number of classes.

    Raises:
        InputError: A class without an example, or a label beyond the classes.
    """
    if len(label) != len(embedded) or (len(label) and not 0 <= int(label.min()) <= int(label.max()) < ways):
        raise InputError(
            f"expected a label from 0 to {ways - 1} for each of {len(embedded)} examples, got {label.tolist()}"
        )
    member = one_hot(label.long(), ways)
    count = member.sum(dim=0)
    if not bool((count > 0).all()):
        raise InputError(f"expected an example of each of {ways} classes, got {count.long().tolist()}")
    return member.to(embedded).T @ embedded / count.to(embedded)[:, None]


def prototype_logits(
    embedded: Float[Tensor, "query feature"], means: Float[Tensor, "way feature"]
) -> Float[Tensor, "query way"]:
    """Minus the squared distance of each example to each class mean.

    Raises:
        InputError: Outputs of another length than the means.
    """
    if embedded.ndim != 2 or means.ndim != 2 or embedded.shape[1] != means.shape[1]:
        shapes = f"{tuple(embedded.shape)} and {tuple(means.shape)}"
        raise InputError(f"expected examples and means of the same features, got {shapes}")
    return -(embedded[:, None] - means).square().sum(dim=-1)


def prototype_loss(
    support: Float[Tensor, "support feature"],
    support_label: Int[Tensor, " support"],
    query: Float[Tensor, "query feature"],
    query_label: Int[Tensor, " query"],
) -> Float[Tensor, ""]:
    """Mean cross entropy of the query examples, with softmax over minus squared distances.

    Args:
        support, query: Outputs of any network.
        support_label, query_label: From 0 on; each class has support.

    Example:
        >>> import torch
        >>> line, label = torch.tensor([[0.0], [2.0]]), torch.tensor([0, 1])
        >>> round(float(prototype_loss(line, label, line, label)), 4)  # log(1 + exp(-4))
        0.0181
    """
    means = prototypes(support, support_label, int(support_label.max()) + 1)
    return cross_entropy(prototype_logits(query, means), query_label.long())
