"""lrkit: the workbench for learning rates."""
