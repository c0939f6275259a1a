import pytest

from lrkit import parse


@pytest.fixture
def curves():
    texts = ("0.3 * (warmup(5ep) >> cosine())", "0.3 * linear()", "0.1 * (hold(50%) >> linear())")
    return {text: parse(text).over("30ep", steps_per_epoch=235) for text in texts}
