"""A high-granularity calorimeter endcap: particles on its face become hits, with the share of every particle in each.

============ =====================================================================================
`geometry`   cells and layers, and the energy of a minimum-ionising particle in them
`incoming`   particles on the face: from a gun, or of collisions after the magnetic field
`crossings`  soft collisions by their averages, and the pile-up of a crossing on the face
`hits`       showers of all particles summed in cells, in flat arrays
`truth`      which particle each hit belongs to
============ =====================================================================================
"""

from femtobarn.simulate.endcap.crossings import Crossings, soft_crossings
from femtobarn.simulate.endcap.geometry import Endcap
from femtobarn.simulate.endcap.hits import EndcapHits, endcap_hits, joined_hits
from femtobarn.simulate.endcap.incoming import Incoming, arriving, gun, pairs, together
from femtobarn.simulate.endcap.truth import Truth, truth, truth_of_shares

__all__ = [
    "Crossings",
    "Endcap",
    "EndcapHits",
    "Incoming",
    "Truth",
    "arriving",
    "endcap_hits",
    "gun",
    "joined_hits",
    "pairs",
    "soft_crossings",
    "together",
    "truth",
    "truth_of_shares",
]
