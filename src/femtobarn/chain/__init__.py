"""One collision through every stage of an experiment, each stage by an algorithm or by a trained run.

============== =====================================================================================
`settings`     which choices are compared at each stage, on how many events
`collisions`   hard collisions and pile-up: the same particles for all detectors
`detector`     tracker, silicon endcap and towers in one field
`wafers`       hits of the endcap as charges of trigger cells, and back
`compression`  what arrives of these charges off the detector, and for how many bits
`clusters`     showers of the endcap, with calibrated energies
`tracking`     tracks from hits
`flow`         particles from tracks, towers and clusters
`jets`         jets and missing momentum, beside the true ones
`tagging`      scores that tell jets of gluons from those of quarks
`trigger`      anomaly scores of a trigger that sees calorimeters only
`joining`      a stage by a run of any system, or by own files, through what the system reads and writes
`passage`      all choices on some events: the unit of work
`judge`        end-points of all choices, paired on the same events
`display`      one collision in space
`carry_out`    a whole run, with its report
============== =====================================================================================
"""
