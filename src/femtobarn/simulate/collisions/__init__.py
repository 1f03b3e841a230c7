"""Proton-proton collisions by Pythia 8, their pile-up, and their jets.

============== =====================================================================================
`processes`    what collides into what: gluons, quarks, W, Z, top, Higgs, minimum bias, your own
`sample`       collisions of a process as particles, in several processes, kept in the cache
`pileup`       further collisions laid over each event
`jets`         jets of known origin: clustered by FastJet, matched to the hard process
`pythia`       event records in flat arrays
============== =====================================================================================
"""
