"""Events of a journal in words, for views that show text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: What every edit may carry; the rest are the kind's own fields.
_COMMON: Final = frozenset(
    {"format", "edit", "step", "time", "author", "reason", "group", "letter", "source", "at"}
)

#: What a cut has unless somebody asked for more.
_PLAIN: Final = (("floor", 0.0), ("eps", 0.0))


def sentence(kind: str, fields: Mapping[str, Any]) -> str:
    """Return an event in one line of Markdown.

    >>> edit = {"edit": "scale", "factor": 0.5, "over": "200st", "step": 300}
    >>> sentence("edit", edit | {"source": "hand", "author": "ada", "reason": "spike"})
    'step 300: **scale** factor 0.5, over 200st (by hand, ada): spike'
    >>> sentence("refused", {"letter": "17", "reason": "no such group"})
    '**refused** letter 17: no such group'
    >>> sentence("note", {"text": "all well", "step": 4})
    'step 4: all well'
    """
    head = f"step {fields['step']}: " if isinstance(fields.get("step"), int) else ""
    reason = f": {fields['reason']}" if fields.get("reason") else ""
    if kind == "edit" and isinstance(fields.get("edit"), str):
        own = _listed(
            {k: v for k, v in fields.items() if k not in _COMMON and (k, v) not in _PLAIN}
        )
        group = fields.get("group")
        of = "" if group is None else f" for group {group}"
        return f"{head}**{fields['edit']}**{own}{of}{_by(fields)}{reason}"
    if kind == "note" and isinstance(fields.get("text"), str):
        return head + str(fields["text"])
    rest = _listed({k: v for k, v in fields.items() if k not in ("step", "time", "reason")})
    return f"{head}**{kind}**{rest}{reason}"


def _listed(fields: Mapping[str, Any]) -> str:
    said = (f"{name} {value}" for name, value in fields.items() if _speaks(value))
    text = ", ".join(said)
    return f" {text}" if text else ""


def _speaks(value: Any) -> bool:
    return value is not None and value is not False and value != ""  # 0 says something


def _by(fields: Mapping[str, Any]) -> str:
    source = {"hand": "by hand", "controller": "controller"}.get(fields.get("source", ""), "")
    who = ", ".join(word for word in (source, fields.get("author", "")) if word)
    return f" ({who})" if who else ""
