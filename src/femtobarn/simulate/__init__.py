"""The generators behind the stand-ins.

=================== ===================================================================================
`toy_wafers`        HGCAL wafers from formulas, in no time
`wafers`            HGCAL wafers from showers and pile-up that Geant4 follows
`geant4.transport`  particles into any stack of flat layers
`showers`           showers of electrons, photons and pions by GFLASH or Geant4, in any calorimeter
`clic_stack`        the calorimeter of a CLIC detector as layers for Geant4
`detector`          what a detector makes of particles: tracks, towers, energy flow
`tracker`           hits of charged particles in a silicon tracker, with cells and truth
`sensor_images`     photographs of silicon sensors in mm, with scratches, dust and stains
`sensor_scans`      scans of many sensors at the same positions
`guns`              single particles, and those of soft collisions
`toy_jets`          jets from formulas: a cascade in the Lund plane
`jet_pairs`         jets before and after the detector
`saccades`          events of a camera that sees an image move
`convection`        rain showers that drift, from formulas
`footprints`        hadron showers in one layer of cells behind tracks, from formulas
`cathode_maps`      charge on a photocathode: spots, and a spot that burns in
`beam_histories`    a drifting beam line, shot by shot
`cell_images`       electron showers in an array of crystals, from a formula
`beam_line`         cathode, solenoid and screen in closed form
`beam_tracking`     the same, electron by electron, with space charge
`collisions`        particles, pile-up, and jets of known origin by Pythia 8 and FastJet
`ion_images`        stacks of counted images of one tissue, in classes
`occupancy`         occupancy maps of a calorimeter, run by run, with faults
`strain`            whitened strain of two interferometers: noise, signals, glitches
`chunks`            bulk simulation in several processes, kept in the cache
=================== ===================================================================================
"""
