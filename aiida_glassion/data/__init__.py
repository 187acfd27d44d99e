"""AiiDA data nodes: frames and potentials."""
