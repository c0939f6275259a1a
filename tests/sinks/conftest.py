"""What TensorBoard's own reader finds in a folder of event files."""

import pytest


@pytest.fixture
def read():
    """Return a function that reads a folder as TensorBoard does, keeping every event."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", exc_type=ImportError
    )

    def reader(folder):
        keep_all = dict.fromkeys(accumulator.DEFAULT_SIZE_GUIDANCE, 0)
        return accumulator.EventAccumulator(str(folder), size_guidance=keep_all).Reload()

    return reader


@pytest.fixture
def scalars(read):
    """Return a function that gives (step, value) of a tag, in the order read."""

    def of(folder, tag):
        return [(e.step, e.value) for e in read(folder).Scalars(tag)]

    return of


@pytest.fixture
def texts(read):
    """Return a function that gives (step, text) of a tag, in the order read."""

    def of(folder, tag):
        found = read(folder).Tensors(tag)
        return [(e.step, e.tensor_proto.string_val[0].decode()) for e in found]

    return of
