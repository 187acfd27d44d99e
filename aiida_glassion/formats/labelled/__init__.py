"""Labelled frames from the files of other programs, and to them."""
