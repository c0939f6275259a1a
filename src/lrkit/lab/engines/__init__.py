"""Engines: the same trainings, run one by one, in processes, stacked on a device, on a cluster."""
