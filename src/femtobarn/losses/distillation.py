"""Loss of a student network that imitates a teacher's class probabilities (Hinton et al., arXiv:1503.02531)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from femtobarn.errors import InputError


def soft_loss(
    student: Float[Tensor, "event class"], teacher: Float[Tensor, "_ _"], *, temperature: float = 1.0
) -> Float[Tensor, ""]:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), mean over the events, in nats.

    For logits that are small beside T its gradient does not depend on T. The teacher gets no gradient.
    An average over no events is NaN.

    Args:
        student, teacher: Logits; a constant added to all classes of an event changes nothing.
        temperature: T, above 0: the larger, the more the small probabilities count.

    Raises:
        InputError: Shapes that differ, or a temperature that is not positive.
    """
    if student.shape != teacher.shape:
        raise InputError(
            f"one logit of the teacher for each of the student: got {tuple(teacher.shape)} and "
            f"{tuple(student.shape)}"
        )
    if not temperature > 0:
        raise InputError(f"expected a temperature above 0, got {temperature}")
    target = F.log_softmax(teacher.detach() / temperature, dim=-1)
    guess = F.log_softmax(student / temperature, dim=-1)
    divergence = (target.exp() * (target - guess)).sum(dim=-1)
    return temperature**2 * divergence.mean()


def distillation_loss(
    student: Float[Tensor, "event class"],
    teacher: Float[Tensor, "_ _"] | None = None,
    label: Int[Tensor, "event"] | None = None,
    *,
    temperature: float = 1.0,
    weight: float = 1.0,
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """(1 - weight) cross entropy with the labels + weight `soft_loss`, mean over the events.

    Weight 1 needs no labels and weight 0 no teacher; a part of weight 0 is not computed. With two classes
    the cross entropy is that of the difference of the logits (arXiv:2311.14160).

    Args:
        student: Logits.
        teacher: Logits of the teacher.
        label: Number of the true class.
        temperature: Of the soft part.
        weight: Of the soft part, 0 to 1.
        smoothing: Share of the label spread evenly over all classes.

    Raises:
        InputError: A weight outside 0 to 1, or teacher or labels that are needed and not there.
    """
    if not 0 <= weight <= 1:
        raise InputError(f"expected a weight of the teacher from 0 to 1, got {weight}")
    total = student.new_zeros(())
    if weight < 1:
        if label is None:
            raise InputError(
                f"labels are needed where the teacher has weight {weight}: give them, or weight 1"
            )
        total = total + (1 - weight) * F.cross_entropy(student, label.long(), label_smoothing=smoothing)
    if weight > 0:
        if teacher is None:
            raise InputError(f"logits of the teacher are needed for its weight {weight}")
        total = total + weight * soft_loss(student, teacher, temperature=temperature)
    return total
