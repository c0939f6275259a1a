"""What the Design page asks, and what it is told: the shapes of requests and answers."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lrkit.errors import SpecError
from lrkit.schedules import Horizon
from lrkit.studio.texts import MAX_TEXT

SPAN: Final = r"^[0-9][0-9_.eE+-]{0,20}(st|ep|sa|tok)?$"
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Rate = Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]
Real = Annotated[float, Field(ge=-1e300, le=1e300, allow_inf_nan=False)]
Resolution = Annotated[float, Field(gt=0, le=1e300, allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0, lt=100_000)]


class Asked(BaseModel):
    """A request; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Span(Asked):
    """The horizon: how long the training is, and what an epoch, a sample and a token are."""

    total: Annotated[str, StringConstraints(pattern=SPAN)] | None = None
    steps_per_epoch: Rate | None = None
    batch_size: Rate | None = None
    tokens_per_step: Rate | None = None

    def horizon(self) -> Horizon:
        """Return it as a `Horizon`."""
        try:
            return Horizon.of(
                self.total,
                steps_per_epoch=self.steps_per_epoch,
                batch_size=self.batch_size,
                tokens_per_step=self.tokens_per_step,
            )
        except OverflowError:
            raise SpecError(f"a total must be finite, got {self.total}") from None


class ToLook(Asked):
    """A text to look at, on a horizon; *points* is about how many the curve may have.

    *brief* leaves out what moves the handles, which takes longest: a page asks for it later.
    """

    text: Text
    span: Span = Span()
    points: Annotated[int, Field(ge=16, le=20_000)] = 1500
    brief: bool = False


class ToDrag(ToLook):
    """A handle of the curve, and where it should go, at the resolution of the hand."""

    handle: Annotated[str, StringConstraints(max_length=40)]
    x: Real | None = None
    y: Real | None = None
    dx: Resolution = 1.0
    dy: Resolution = 1e-4


class SetNumber(Asked):
    """Number *index* of the text takes another value."""

    kind: Literal["number"]
    index: Index
    value: Real


class DeletePiece(Asked):
    """Piece *piece* of the main sequence goes."""

    kind: Literal["delete"]
    piece: Index


class MovePiece(Asked):
    """Piece *piece* goes to place *to*."""

    kind: Literal["move"]
    piece: Index
    to: Index


class InsertPiece(Asked):
    """A new piece, *name* of the palette, comes to place *place*."""

    kind: Literal["insert"]
    place: Index
    name: Annotated[str, StringConstraints(max_length=40)]


class ScaleAll(Asked):
    """The whole is multiplied by *factor*."""

    kind: Literal["scale"]
    factor: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class TakeFamily(Asked):
    """The example of a family takes the place of the text, at the peak that the text has."""

    kind: Literal["family"]
    name: Annotated[str, StringConstraints(max_length=60)]


class Tidy(Asked):
    """The text as lrkit would write it."""

    kind: Literal["tidy"]


Change = Annotated[
    SetNumber | DeletePiece | MovePiece | InsertPiece | ScaleAll | TakeFamily | Tidy,
    Field(discriminator="kind"),
]


class ToEdit(ToLook):
    """An edit of the text by its pieces and numbers."""

    change: Change


class ToCompare(Asked):
    """Texts to draw on one horizon."""

    texts: Annotated[list[Text], Field(max_length=50)]
    span: Span = Span()
    points: Annotated[int, Field(ge=16, le=4_000)] = 800


class Word(BaseModel):
    """A word of the text, [start, stop), for the eye."""

    kind: str
    start: int
    stop: int
    message: str = ""


class Problem(BaseModel):
    """What is wrong with a text, and under which character, where that is known."""

    kind: str
    message: str
    position: int | None = None


class Points(BaseModel):
    """A curve to draw: steps and rates."""

    x: list[float]
    y: list[float]


class Jump(BaseModel):
    """A joint at which the rate changes at once."""

    at: float
    before: float
    after: float


class Facts(BaseModel):
    """The figures of the curve; see `lrkit.schedules.Facts`."""

    steps: int
    peak: float
    peak_at: int
    final: float
    end: float
    smallest: float
    area: float
    mean: float
    joints: list[float]
    joint_count: int
    jumps: list[Jump]
    warnings: list[str]


class Grip(BaseModel):
    """A handle of the curve; *by_x* and *by_y* are empty where *why_x* or *why_y* says why."""

    name: str
    x: float
    y: float
    by_x: str
    by_y: str
    why_x: str
    why_y: str


class Slider(BaseModel):
    """A number of the text, [start, stop), and the range that a slider offers for it."""

    start: int
    stop: int
    value: float
    unit: str
    label: str
    low: float
    high: float
    log: bool
    whole: bool
    piece: int | None


class Strip(BaseModel):
    """A piece of the main sequence, [start, stop) of the text; it runs from *begins* to *ends*."""

    start: int
    stop: int
    text: str
    name: str
    begins: float | None
    ends: float | None


class Copies(BaseModel):
    """The schedule in every form that it is taken along in."""

    text: str
    python: str
    json_text: str
    study: str
    show: str
    train: str


class Look(BaseModel):
    """A text and what follows from it; with a `problem` there are only its words."""

    text: str
    words: list[Word]
    problem: Problem | None = None
    points: Points | None = None
    facts: Facts | None = None
    total: float | None = None
    total_epochs: float | None = None
    grips: list[Grip] = []
    sliders: list[Slider] = []
    pieces: list[Strip] = []
    scale: float | None = None
    copies: Copies | None = None
    reached: bool = True
    brief: bool = False


class Compared(BaseModel):
    """A pinned schedule: its curve and figures, or its problem."""

    text: str
    problem: Problem | None = None
    points: Points | None = None
    peak: float | None = None
    final: float | None = None
    mean: float | None = None
    area: float | None = None
