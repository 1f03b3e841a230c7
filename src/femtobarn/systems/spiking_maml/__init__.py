"""Few-shot learning on event cameras: prototypes and MAML with spiking networks (arXiv:2201.10777)."""
