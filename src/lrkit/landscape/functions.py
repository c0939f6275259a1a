"""Functions of two variables from the textbooks, each with what it teaches about learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lrkit.errors import SpecError
from lrkit.landscape.surface import Box, Function, Knob, Minimum, Point
from lrkit.schedules.registry import nearest

__all__ = ["NAMES", "Function", "catalog", "function"]


@dataclass(frozen=True)
class _Recipe:
    """What makes a function of its knobs: the formula with {knob} where a number goes."""

    formula: str
    about: str
    box: Box
    start: Point
    knobs: tuple[Knob, ...]
    minima: Callable[..., list[tuple[float, float]]]
    source: str
    curvature: Callable[..., float | None] = lambda **_: None


_RECIPES: Final = {
    "ravine": _Recipe(
        "(x**2 + {k}*y**2) / 2",
        "A quadratic valley of condition number k: a constant rate converges below 2 / L.",
        Box(-10.0, 10.0, -5.0, 5.0),
        (-8.0, 2.0),
        (Knob("k", 20.0, 1.0, 1000.0, "condition number: how much steeper y is than x"),),
        lambda k: [(0.0, 0.0)],
        "Polyak, Introduction to Optimization (1987), section 1.4",
        lambda k: k,
    ),
    "rosenbrock": _Recipe(
        "({a} - x)**2 + {b}*(y - x**2)**2",
        "A curved valley: its floor is quickly found and slowly followed.",
        Box(-2.0, 2.0, -1.0, 3.0),
        (-1.2, 1.0),
        (
            Knob("a", 1.0, 0.0, 1.7, "x of the minimum, which lies at (a, a^2)"),
            Knob("b", 100.0, 1.0, 1000.0, "how steep the walls are"),
        ),
        lambda a, b: [(a, a * a)],
        "Rosenbrock, The Computer Journal 3 (1960), 175-184",
    ),
    "beale": _Recipe(
        "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2",
        "Flat in the middle, sharp peaks at the corners: one rate is too small here, too large "
        "there.",
        Box(-4.5, 4.5, -4.5, 4.5),
        (1.0, 1.5),
        (),
        lambda: [(3.0, 0.5)],
        "Beale, Technical Report 25, Princeton (1958); Moré, Garbow and Hillstrom, ACM TOMS 7 "
        "(1981), problem 5",
    ),
    "himmelblau": _Recipe(
        "(x**2 + y - 11)**2 + (x + y**2 - 7)**2",
        "Four equal minima: start and rate decide which one is found.",
        Box(-6.0, 6.0, -6.0, 6.0),
        (-0.5, -1.0),
        (),
        lambda: [
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.7793102533777469, -3.2831859912861694),
            (3.5844283403304917, -1.8481265269644034),
        ],
        "Himmelblau, Applied Nonlinear Programming (1972)",
    ),
    "saddle": _Recipe(
        "(x**2 - y**2)/2 + {w}*y**4/4",
        "A saddle at the origin: gradient descent lingers, momentum leaves. With w = 0 it is "
        "unbounded below.",
        Box(-3.0, 3.0, -3.0, 3.0),
        (-2.5, 0.001),
        (Knob("w", 0.25, 0.0, 1.0, "how soon the fall to both sides ends"),),
        lambda w: [(0.0, side / math.sqrt(w)) for side in (-1, 1)] if w else [],
        "saddles as what slows training down: Dauphin et al., arXiv 1406.2572",
    ),
    "plateau": _Recipe(
        "1 - exp(-(x**2 + y**2) / (2*{s}**2))",
        "A hole in a plain: far away the gradient all but vanishes, and only a rate scaled by it "
        "moves.",
        Box(-5.0, 5.0, -5.0, 5.0),
        (-2.8, 1.6),
        (Knob("s", 1.0, 0.5, 4.0, "width of the hole"),),
        lambda s: [(0.0, 0.0)],
        "vanishing gradients: Hochreiter, Diplomarbeit, TU München (1991); the form is ours",
    ),
    "ackley": _Recipe(
        "20 + e - 20*exp(-{b}*hypot(x, y)/sqrt(2)) - exp((cos(2*pi*x) + cos(2*pi*y))/2)",
        "A funnel with many dents, and a cone at its bottom: constant rates never come to rest.",
        Box(-5.0, 5.0, -5.0, 5.0),
        (-3.6, 2.7),
        (Knob("b", 0.2, 0.05, 0.5, "how steep the funnel is"),),
        lambda b: [(0.0, 0.0)],
        "Ackley, A Connectionist Machine for Genetic Hillclimbing (1987)",
    ),
    "rastrigin": _Recipe(
        "2*{a} + x**2 + y**2 - {a}*(cos(2*pi*x) + cos(2*pi*y))",
        "A bowl with a regular pattern of minima: a large rate or noise jumps between them.",
        Box(-5.12, 5.12, -5.12, 5.12),
        (-4.2, 3.3),
        (Knob("a", 10.0, 0.0, 20.0, "height of the ripples"),),
        lambda a: [(0.0, 0.0)],
        "Rastrigin, Systems of Extremal Control (1974)",
    ),
    "sharp_flat": _Recipe(
        "2 + (x**2 + y**2)/200 - {d}*exp(-((x + 2)**2 + y**2)*{k}/(2*{d})) "
        "- exp(-((x - 2)**2 + y**2)/2)",
        "A sharp hole of depth d and curvature k, and a flat one: a large rate cannot stay in "
        "the sharp one.",
        Box(-5.0, 5.0, -4.0, 4.0),
        (-2.25, 0.25),
        (
            Knob("d", 1.2, 0.5, 2.0, "depth of the sharp hole; the flat one has 1"),
            Knob("k", 20.0, 4.0, 200.0, "curvature of the sharp hole; the flat one has 1"),
        ),
        lambda d, k: [],  # its two are found by `_settled`
        "sharp and flat minima: Hochreiter and Schmidhuber, Neural Computation 9 (1997); the form "
        "is ours",
    ),
}
NAMES: Final = tuple(_RECIPES)


def catalog() -> tuple[Function, ...]:
    """Return every function that has a name, with its knobs where they stand by default.

    >>> [f.name for f in catalog()][:3]
    ['ravine', 'rosenbrock', 'beale']
    """
    return tuple(map(function, _RECIPES))


def function(name: str, **knobs: float) -> Function:
    """Return the function called *name* with its *knobs* set; see `catalog` for the names.

    | name | formula | knobs |
    |---|---|---|
    | ravine | (x^2 + k y^2) / 2 | k >= 1, the condition number; L = k |
    | rosenbrock | (a - x)^2 + b (y - x^2)^2 | a, b; minimum 0 at (a, a^2) |
    | beale | sum over i = 1..3 of (c_i - x + x y^i)^2, c = 1.5, 2.25, 2.625 | minimum (3, 0.5) |
    | himmelblau | (x^2 + y - 11)^2 + (x + y^2 - 7)^2 | four minima of 0 |
    | saddle | (x^2 - y^2) / 2 + w y^4 / 4 | w; minima -1/(4w) at (0, +-1/sqrt(w)) |
    | plateau | 1 - exp(-(x^2 + y^2) / (2 s^2)) | s; minimum 0 at the origin |
    | ackley | 20 + e - 20 exp(-b r / sqrt(2)) - exp((cos(2 pi x) + cos(2 pi y)) / 2) | b |
    | rastrigin | 2a + x^2 + y^2 - a (cos(2 pi x) + cos(2 pi y)) | a; minimum 0 at the origin |
    | sharp_flat | a bowl with a sharp and a flat hole | d, k |

    Raises `SpecError` for an unknown name or knob, and for a knob outside its range.

    >>> function("rosenbrock", b=10).text
    '(1 - x)**2 + 10*(y - x**2)**2'
    """
    recipe = _RECIPES.get(name)
    if recipe is None:
        raise SpecError(
            f"unknown function {name!r}{nearest(name, list(NAMES))}; the names are "
            f"{', '.join(NAMES)}"
        )
    for unknown in knobs.keys() - {knob.name for knob in recipe.knobs}:
        known = ", ".join(knob.name for knob in recipe.knobs) or "none"
        raise SpecError(f"{name} has no knob {unknown!r}; its knobs: {known}")
    turned = tuple(_turned(name, knob, knobs.get(knob.name, knob.value)) for knob in recipe.knobs)
    values = {knob.name: knob.value for knob in turned}
    numbers = {key: repr(value).removesuffix(".0") for key, value in values.items()}
    text = recipe.formula.format(**numbers)
    bare = Function(name, text, recipe.about, recipe.box, recipe.start)
    places = recipe.minima(**values) if name != "sharp_flat" else _settled(bare, values["k"])
    minima = tuple(Minimum(x, y, bare(x, y)) for x, y in places)
    curvature = recipe.curvature(**values)
    return Function(
        name, text, recipe.about, recipe.box, recipe.start, turned, minima, curvature, recipe.source
    )


def _turned(name: str, knob: Knob, value: float) -> Knob:
    """Return *knob* of function *name* at *value*."""
    if not knob.low <= value <= knob.high:
        raise SpecError(
            f"`{knob.low:g} <= {knob.name} <= {knob.high:g}` must hold for {name}, got {value:g}"
        )
    return knob._replace(value=float(value))


def _settled(bare: Function, k: float) -> list[Point]:
    """Return the bottoms of the two holes of curvature *k* and 1: their tails move each other's.

    Both lie on the x axis; steps of 1 / curvature come nearer by a factor of about 100 each.
    """
    found = []
    for x, curvature in ((-2.0, k), (2.0, 1.0)):
        for _ in range(30):
            x -= bare.gradient(x, 0.0)[0] / curvature
        found.append((x, 0.0))
    return found
