"""How atoms move: displacements, diffusion, conductivity, channels and hops."""
