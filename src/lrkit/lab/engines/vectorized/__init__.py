"""Many trainings as one: K models at once by `torch.func`, each with its own schedule and seed."""

from lrkit.lab.engines.vectorized.engine import Vectorized

__all__ = ["Vectorized"]
