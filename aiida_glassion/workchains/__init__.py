"""WorkChains, one per file."""
