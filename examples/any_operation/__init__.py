"""The twelve operations of Power et al. (2022), "Grokking" (arXiv 2201.02177), modulo a small prime."""
