"""Small real optimizers and loops."""

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture
def make():
    """Return a function that builds an optimizer of groups with the given own rates."""

    def build(*rates, names=(), kind=torch.optim.SGD, **options):
        torch.manual_seed(0)
        groups = [
            {"params": [torch.nn.Parameter(torch.randn(3))], "lr": rate} for rate in rates or (1.0,)
        ]
        for group, name in zip(groups, names, strict=False):
            group["name"] = name
        return kind(groups, **({"lr": 1.0} | options))

    return build


@pytest.fixture
def train():
    """Return a function that makes *n* updates and steps, and gives the rates each update used."""

    def run(optimizer, sched, n, metrics=None):
        used = []
        for t in range(n):
            optimizer.zero_grad()
            loss = sum((p**2).sum() for g in optimizer.param_groups for p in g["params"])
            loss.backward()
            used.append([float(g["lr"]) for g in optimizer.param_groups])
            optimizer.step()
            if metrics is None:
                sched.step()
            else:
                sched.step(metrics(t))
        return used

    return run
