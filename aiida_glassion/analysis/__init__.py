"""Analyses of a structure over the frames of a trajectory: what may be asked, how it is done, what comes out.

Knows kernels and formats, nothing of AiiDA: the same code runs at the command line, in a calcfunction and in a job
beside the data.
"""
