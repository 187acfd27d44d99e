"""Figures and the page of a finished study."""
