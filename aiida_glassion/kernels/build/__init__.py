"""Making starting configurations: composition algebra, density estimates, packing."""
