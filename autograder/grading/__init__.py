"""Grading a class: one notebook, one submission, this machine, a cluster."""
