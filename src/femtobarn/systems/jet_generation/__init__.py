"""Generate jets as sets of particles from noise: GAPT, iGAPT, MPGAN and EPiC flow matching."""
