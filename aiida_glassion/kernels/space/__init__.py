"""How a configuration fills its cell: Voronoi cells, voids, order along an axis, profiles, regions."""
