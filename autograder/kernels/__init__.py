"""Kernels: the sandbox that a student's runs in, the judge that runs the tests."""
