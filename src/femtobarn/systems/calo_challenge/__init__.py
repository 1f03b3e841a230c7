"""Generate calorimeter showers of the CaloChallenge: VAE, GAN, normalising flow, diffusion and flow matching."""
