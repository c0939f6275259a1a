"""The examples in every command's help; a test runs each of them as it stands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Final

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "show": (
        (
            'lrkit show "0.3 * (warmup(5ep) >> cosine())" -t 30ep -e 235',
            "a plot and the facts",
        ),
        (
            'lrkit show "wsd(10%, 20%)" "one_cycle(1)" --total 10000',
            "two schedules on one axis",
        ),
        (
            'lrkit show "exponential(1, {f})" --vary f=0.9,0.95,0.99 -t 50ep -e 1 --log',
            "several values of one parameter",
        ),
        (
            'lrkit show "0.1 * cosine()" -t 1000 --png rate.png --csv rate.csv',
            "files, for a paper or a table",
        ),
        (
            'lrkit show "0.1 * cosine()" -t 100ep -e 50 --at 0 --at 50ep --json',
            "the facts and some values for a script",
        ),
    ),
    "lint": (
        ('lrkit lint "0.3 * (warmup(5ep) >> cosine())" -t 30ep -e 235', "one schedule: clean"),
        ("lrkit lint study.toml", "every schedule of a study"),
    ),
    "schedules": (
        ("lrkit schedules", "every family, with a picture"),
        ("lrkit schedules cosine", "one family: what it does, its parameters, a plot"),
    ),
    "find": (
        ("lrkit find poly-tanh", "which rates the task takes, and schedules to train it with"),
        (
            "lrkit find poly-tanh --low 1e-4 --high 1 --out range.png --out range.json",
            "another range; a picture and the curve as files",
        ),
        ("lrkit find --curve range.json --rule valley", "read it again, by another rule"),
        (
            "lrkit find poly-tanh --follow range.jsonl",
            "each point as it is measured, for another program to watch",
        ),
    ),
    "train": (
        ("lrkit train", "LeNet on handwritten digits, with the task's own schedule"),
        (
            'lrkit train poly-tanh --schedule "0.03 * cosine()" --epochs 5 --seed 1',
            "another task, schedule and length",
        ),
        (
            'lrkit train poly-tanh -s "factor(0.1, 0.9, 1)" --epochs 5 --per epoch --json',
            "the rate moves once an epoch; the outcome as JSON",
        ),
        (
            'lrkit train poly-tanh --epochs 5 -s "0.1 * hold() | plateau(0.5, patience=1)"',
            "a schedule steered by what the training shows",
        ),
        ("lrkit train --schedule-from edited", "again what a run followed, its edits included"),
        ("lrkit train --resume", "go on with the newest run that died or was stopped"),
        (
            "lrkit train --resume --run runs/edited --total 4ep --policy stretch",
            "go on with a run, and make it longer",
        ),
    ),
    "watch": (
        ("lrkit watch poly-tanh", "rate, loss and score in the terminal, until the run ends"),
        ("lrkit watch poly-tanh --once --json", "how it is now, for a script"),
    ),
    "steer": (
        ("lrkit steer going", "how it stands, and the edits so far"),
        (
            'lrkit steer going scale 0.5 --over 200st --why "the loss jumps"',
            "down to the half within 200 updates",
        ),
        ("lrkit steer going cooldown 20% --preview", "what that would do; nothing is sent"),
        ("lrkit steer going extend 40ep --how keep", "another end, the same rates"),
    ),
    "branch": (
        (
            "lrkit branch edited --at 2ep --cooldown 20%",
            "a cooldown from step 100 of a run, as a run of its own",
        ),
    ),
    "compare": (
        ("lrkit compare study.toml", "run a study; call it again to go on after Ctrl-C"),
        (
            'lrkit compare --task poly-tanh -s "cosine()" -s "linear()" \\\n'
            "    --rates 0.03,0.1 --seeds 2 --epochs 3",
            "schedules x rates x seeds without a file",
        ),
    ),
    "search": (
        (
            'lrkit search poly-tanh "~log(1e-3, 1) * ~choice(cosine(), linear())" \\\n'
            "    --trials 6 --epochs 3 --confirm 1",
            "which peak, and which way down",
        ),
        (
            'lrkit search poly-tanh "~log(0.01, 1) * (warmup(~int(0, 2)ep) >> cosine())" \\\n'
            '    -o "momentum=~uniform(0, 0.95)" -n 4 --epochs 3 --confirm 0 --sampler random \\\n'
            "    --engine serial --out searches/momentum --json",
            "an option of the task as well, one training after the other; for a script",
        ),
    ),
    "tune": (
        (
            "lrkit tune poly-tanh --epochs 4 --budget 2",
            "a schedule for training of 4 epochs, at the price of two; the report says why",
        ),
        (
            "lrkit tune relu-digits --epochs 4 --budget 1 -o momentum=0.9 --out tunes/two --json",
            "a task's option, a smaller budget, the outcome for a script",
        ),
    ),
    "runs": (("lrkit runs", "the runs in ./runs"),),
    "runs list": (
        ("lrkit runs list", "the runs in ./runs"),
        ("lrkit runs list --root reports/two/runs --json", "those of a comparison, for jq"),
    ),
    "runs show": (
        ("lrkit runs show edited", "what a run was, its edits, and the schedule it followed"),
        ("lrkit runs show edited --out rate.png", "the rate as declared and as followed, drawn"),
    ),
    "runs export": (
        (
            "lrkit runs export poly-tanh --out tables",
            "CSV tables: every update, evaluations, edits",
        ),
        ("lrkit runs export poly-tanh --to tensorboard", "event files in runs/poly-tanh"),
    ),
    "runs rm": (("lrkit runs rm poly-tanh --yes", "remove a run without asking"),),
    "landscape": (("lrkit landscape functions", "the functions a descent can be made on"),),
    "landscape descend": (
        (
            'lrkit landscape descend ravine -k k=50 -s "constant(0.039)" -s "0.05 * cosine()"',
            "two schedules side by side; above 2 / L one of them overshoots",
        ),
        (
            'lrkit landscape descend "x**2 + 3*sin(y)**2" -s "0.1 * linear()" \\\n'
            "    --optimizer adam --optimizer momentum --start -4,3 --out race.png --out race.csv",
            "your own function, two optimizers; a picture and the points",
        ),
        (
            'lrkit landscape descend rosenbrock -s "0.05 * (warmup(20) >> cosine())" \\\n'
            "    --optimizer adam --noise 5 --seed 1 --steps 400 --frames 40 --out descent.gif",
            "noise on the gradients, as a moving picture",
        ),
        (
            'lrkit landscape descend beale -s "constant(0.01)" --out descent.html --json',
            "a page to play with, offline; the outcome for a script",
        ),
    ),
    "landscape functions": (("lrkit landscape functions", "every function, with its knobs"),),
    "landscape plane": (
        (
            "lrkit landscape plane edited --points 9 --out plane.png --out plane.html",
            "the principal plane of a run's checkpoints, as a picture and a page",
        ),
        (
            "lrkit landscape plane edited --plane three --at 0,50,120 --points 9 --json",
            "the plane through three checkpoints, for a script",
        ),
        (
            "lrkit landscape plane poly-tanh --fresh --points 9 --out fresh.csv",
            "two random directions from a task's fresh weights, as a table",
        ),
    ),
    "landscape line": (
        ("lrkit landscape line edited", "the loss from the beginning to the end, and beyond"),
        (
            "lrkit landscape line edited --from 50 --to 100 --points 17 --out line.png",
            "between two checkpoints, as a picture",
        ),
    ),
    "landscape sharpness": (
        ("lrkit landscape sharpness edited --out sharpness.png", "sharpness beside 2 / rate"),
    ),
    "landscape weights": (
        (
            "lrkit landscape weights runs/edited/landscape/plane.jsonl --at 0.5,-0.2 \\\n"
            "    --out there.pt",
            "the weights at a point of a plane",
        ),
    ),
    "landscape start": (
        (
            "lrkit landscape start runs/edited/landscape/plane.jsonl --at 0.5,-0.2 \\\n"
            '    -s "0.02 * cosine()" --epochs 1',
            "a new training from that point",
        ),
    ),
    "law": (("lrkit law compare curves", "every law, side by side, on the runs of a folder"),),
    "law fit": (
        ("lrkit law fit curves -o fitted.json", "choose the law that predicts runs best"),
        ("lrkit law fit curves --law mpl --json", "one law, its parameters and their intervals"),
    ),
    "law score": (
        ("lrkit law score law.json curves", "the published metrics on every curve"),
        ("lrkit law score law.json curves/cosine.csv --json --out fit.png", "one curve, drawn"),
    ),
    "law predict": (
        (
            'lrkit law predict law.json "3e-4 * (warmup(2%) >> cosine())" --total 4000',
            "its final loss, with a 90 % interval",
        ),
    ),
    "law compare": (("lrkit law compare curves --law drop --law memory", "two laws only"),),
    "law design": (
        (
            "lrkit law design law.json --total 4000 --peak 3e-4",
            "the best schedule the law knows, and the nearest one that can be spoken",
        ),
    ),
    "law transfer": (
        (
            'lrkit law transfer "cosine()" "hold() >> linear(1, 0, 20%)" --peak 1e-3 --total 10000',
            "the peak of a WSD schedule from that of cosine",
        ),
        (
            'lrkit law transfer "cosine()" "cosine()" --peak 1e-3 --total 10000 \\\n'
            "    --to-total 40000 --tried 5000=1.2e-3 --tried 10000=1e-3",
            "another horizon, with the exponent fitted",
        ),
    ),
    "law check": (
        (
            "lrkit law check poly-tanh --epochs 4 --quick --engine serial",
            "cheap runs, a fit, a design, and what training it shows",
        ),
        (
            "lrkit law check poly-tanh --epochs 4 --peaks 0.02,0.05 --shapes cosine,wsd \\\n"
            "    --seeds 2 --law mtl --engine serial --out reports/mtl --json",
            "peaks, shapes and law of one's own; the outcome for a script",
        ),
    ),
    "law refine": (("lrkit law refine norms.csv --optimizer adam", "a shape from gradient norms"),),
    "studio": (
        ("lrkit studio", "the page, with the runs in ./runs"),
        (
            "lrkit studio reports/two/runs --read-only --no-browser",
            "the runs of a comparison, only to look at; prints the link",
        ),
    ),
    "tasks": (("lrkit tasks", "the tasks that are built in, with their options"),),
}


def epilog(command: str) -> str:
    """Return the examples of *command* as the last part of its help."""
    lines = [f"{line}\n    {about}" for line, about in EXAMPLES[command]]
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(escape(line) for line in lines)


def description(function: Callable[..., None]) -> str:
    """Return the docstring of *function* for its help: a paragraph a line, to wrap as it must."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return escape("\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs))


def escape(text: str) -> str:
    """Return *text* so that Rich prints its square brackets; Rich is not loaded for that."""
    return re.sub(r"\[(?=[a-z#/@])", r"\\[", text)
