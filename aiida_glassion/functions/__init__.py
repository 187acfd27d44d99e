"""Calcfunctions: thin wrappers of kernels that keep provenance."""
