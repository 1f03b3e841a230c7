"""Transport of particles through matter by Geant4, from a wheel and without its downloadable data."""
