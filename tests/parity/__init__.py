"""Parity: lrkit gives the learning rates of other libraries, step by step."""
