"""A schedule in every form that somebody takes it along in: Python, JSON, a study, a command."""

from __future__ import annotations

import json
import shlex

from lrkit.control import Steered
from lrkit.schedules.lexer import tokens_of
from lrkit.schedules.outline import words
from lrkit.schedules.parser import WORDS
from lrkit.studio.design_models import Copies, Span

TASK = "lenet-digits"


def copies(text: str, found: Steered, span: Span) -> Copies:
    """Return every form of *text*, which reads as *found*, on the horizon of *span*."""
    plain = found.to_dict() if found.controllers else found.schedule.to_dict()
    quoted = shlex.quote(text)
    return Copies(
        text=text,
        python=python_of(text),
        json_text=json.dumps(plain, indent=2, ensure_ascii=False),
        study=study_entry(text),
        show=" ".join(["lrkit show", quoted, *_horizon_words(span)]),
        train=" ".join(
            [
                "lrkit train",
                TASK,
                "--schedule",
                quoted,
                *(["--total", span.total] if span.total else []),
            ]
        ),
    )


def python_of(text: str) -> str:
    """Return *text* as a Python program's lines: spans and words quoted, names imported.

    Recipes stay recipes, as they were written.

    >>> print(python_of("0.3 * (warmup(5ep) >> cosine())"))
    from lrkit import cosine, warmup
    <BLANKLINE>
    schedule = 0.3 * (warmup("5ep") >> cosine())
    """
    out, end = [], 0
    names = set()
    tokens = tokens_of(text)
    for i, word in enumerate(words(text)):
        out.append(text[end : word.start])
        written, end = text[word.start : word.stop], word.stop
        after = tokens[i + 1].value
        if word.kind == "span":
            written = f'"{written}"'
        elif word.kind == "word" or (word.kind in ("name", "controller") and after != "("):
            low = written.lower()
            written = repr(WORDS[low]) if low in WORDS else json.dumps(written)
        elif word.kind in ("name", "controller"):
            names.add(written)
        out.append(written)
    expression = "".join([*out, text[end:]]).strip()
    if not names:  # a number is a constant rate
        names, expression = {"constant"}, f"constant({expression})"
    if "\n" in expression:
        expression = f"({expression})"
    return f"from lrkit import {', '.join(sorted(names))}\n\nschedule = {expression}"


def study_entry(text: str) -> str:
    """Return *text* as an entry of a study file.

    >>> print(study_entry("0.1 * cosine()"))
    [[schedules]]
    name = "0.1 * cosine()"
    text = "0.1 * cosine()"
    """
    one_line = " ".join(text.split())
    # A JSON string is a basic string of TOML, but for the characters that TOML wants escaped.
    return f"[[schedules]]\nname = {json.dumps(one_line[:60])}\ntext = {json.dumps(one_line)}"


def _horizon_words(span: Span) -> list[str]:
    options = {
        "--total": span.total,
        "--steps-per-epoch": span.steps_per_epoch,
        "--batch-size": span.batch_size,
        "--tokens-per-step": span.tokens_per_step,
    }
    return [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in options.items()
        if value is not None
    ]
