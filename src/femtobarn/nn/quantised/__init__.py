"""Networks whose number of bits is trained with their weights, weight by weight (HGQ, arXiv:2405.00645).

Reading order: `rounding`, `quantiser`, `weight_quantiser`, `weights`, `linear`, then `conversion`, `cost`,
`calibration`, `export`, `bit_true`; `costed_loss`, `schedule` and `pareto` steer a training; `uniform_bits` is
what trained bits are compared with.

    net = quantise(nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 5)), x[:1000])
    loss = cross_entropy(net(x), y) + beta * ebops(net)  # and so on, until trained
    calibrate(net, x)
    integers = to_integer(net)  # int64, bit for bit the same as net.double().eval()
"""

from femtobarn.nn.quantised.add import QuantisedAdd
from femtobarn.nn.quantised.bit_true import BitTrue
from femtobarn.nn.quantised.bits import bit_parameters, freeze_bits, total_bits
from femtobarn.nn.quantised.calibration import calibrate
from femtobarn.nn.quantised.conv import QuantisedConv
from femtobarn.nn.quantised.conversion import quantise
from femtobarn.nn.quantised.cost import ebops, exact_ebops
from femtobarn.nn.quantised.costed_loss import CostedLoss
from femtobarn.nn.quantised.export import to_integer
from femtobarn.nn.quantised.linear import QuantisedLinear
from femtobarn.nn.quantised.pareto import Checkpoint, ParetoSet
from femtobarn.nn.quantised.quantiser import Quantiser
from femtobarn.nn.quantised.schedule import BetaPoint, BudgetController, beta_at
from femtobarn.nn.quantised.uniform_bits import uniform_bits
from femtobarn.nn.quantised.weight_quantiser import WeightQuantiser
from femtobarn.nn.quantised.weights import QuantisedWeights
from femtobarn.nn.quantised.wires import Wires

__all__ = [
    "BetaPoint",
    "BitTrue",
    "BudgetController",
    "Checkpoint",
    "CostedLoss",
    "ParetoSet",
    "QuantisedAdd",
    "QuantisedConv",
    "QuantisedLinear",
    "QuantisedWeights",
    "Quantiser",
    "WeightQuantiser",
    "Wires",
    "beta_at",
    "bit_parameters",
    "calibrate",
    "ebops",
    "exact_ebops",
    "freeze_bits",
    "quantise",
    "to_integer",
    "total_bits",
    "uniform_bits",
]
