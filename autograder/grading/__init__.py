"""A class graded: one notebook, one submission, this machine, a cluster."""
