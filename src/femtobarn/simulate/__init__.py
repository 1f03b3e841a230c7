"""The generators behind the stand-ins.

=================== ===================================================================================
`toy_wafers`        HGCAL wafers from formulas, in no time
`wafers`            HGCAL wafers from showers and pile-up that Geant4 follows
`geant4.transport`  particles into any stack of flat layers
`guns`              single particles, and those of soft collisions
`chunks`            bulk simulation in several processes, kept in the cache
=================== ===================================================================================
"""
