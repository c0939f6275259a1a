"""Laws held against a real task: cheap runs, a fit, a design, and what training it shows.

    found = check(Check("lenet-digits", total="6ep"), "reports/check")
    print(found.verdict())

Data go one way: `planning` says what to train, `running` has an engine train it, `measuring`
reads the loss curves, `foreseeing` fits, designs and predicts before anything long is trained, and
"""

from lrkit.lab.checking.conducting import check
from lrkit.lab.checking.foreseeing import Contender, Foreseen
from lrkit.lab.checking.judging import Checked, Outcome, Pair
from lrkit.lab.checking.planning import SHAPES, Check
from lrkit.lab.checking.reporting import report

__all__ = [
    "SHAPES",
    "Check",
    "Checked",
    "Contender",
    "Foreseen",
    "Outcome",
    "Pair",
    "check",
    "report",
]
