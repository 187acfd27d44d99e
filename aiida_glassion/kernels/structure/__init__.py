"""What a configuration looks like: neighbours, distribution functions, coordination, network."""
