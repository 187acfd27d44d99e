"""How glass answers to strain: elasticity, tension, fracture, and what atoms and bonds do meanwhile."""
