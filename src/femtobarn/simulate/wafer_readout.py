"""From energy in trigger cells to the charges that the trigger path of HGCAL delivers."""

import numpy as np
from jaxtyping import Float, Float32

from femtobarn.physics.wafer import ADC_PER_MIP

#: Most probable loss of a minimum-ionising particle in 300 um of silicon, MeV: CMS's digitiser has 3.88 fC
#: and 0.044259 fC/keV (github.com/cms-sw/cmssw, HGCalUncalibRecHit_cfi and hgcalDigitizer_cfi).
MIP = 3.88 / 0.044259 * 1e-3
SUM_BITS = 19  #: a trigger cell adds four sensor cells of 17 linear bits (cmssw, hgcalVFEProducer_cfi)
LARGEST_CODE = 15 << 14  #: of a number with 4 bits of exponent and 3 of mantissa


def read_out(
    mips: Float[np.ndarray, "wafer 48"], eta: Float[np.ndarray, " wafer"]
) -> Float32[np.ndarray, "wafer 48"]:
    """Charge in whole counts, 35 to a transverse MIP, from the energy in MIPs with its noise.

    Linear counts, 35 a MIP, saturate at 19 bits. The front end drops the last bit and sends a number with 4
    bits of exponent and 3 of mantissa, rounded (cmssw, hgcalVFEProducer_cfi, low-density modules). The
    concentrator multiplies by 1/cosh(eta), cut to 12 bits, and drops the fraction, as the code did that
    wrote the published samples. All four sensor cells of a trigger cell saturate together here.
    """
    counts = np.clip(np.floor(ADC_PER_MIP * mips), 0, 2**SUM_BITS - 1)
    code = np.floor(counts / 2)
    step = 2.0 ** np.maximum(np.frexp(code)[1] - 4, 0)
    code = np.minimum(np.floor(code / step + 0.5) * step, LARGEST_CODE)
    transverse = np.floor(4096 / np.cosh(eta)) / 4096
    charge: np.ndarray = np.floor(2 * code * transverse[:, None]).astype(np.float32)
    return charge
