"""Figures of a glass: pure functions from arrays and numbers to matplotlib figures, one look for all."""
