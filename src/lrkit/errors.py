"""The exception tree, split by who is at fault.

| class | whose fault | what to look at |
|---|---|---|
| `SpecError` | the schedule, study or option as written | the text, at the character shown |
| `HorizonError` | a span that the horizon cannot resolve | the number that is missing |
| `DataError` | a file, a folder, a data set, the disk | the path named |
| `LoopError` | the caller's training loop or task | the call named |
| `InternalError` | lrkit itself | please report it |

Every message states the rule, the value and the remedy, in that order.
"""

from __future__ import annotations


class LrkitError(Exception):
    """Anything lrkit refuses; the command line prints it in one line and exits with 2."""


class SpecError(LrkitError, ValueError):
    """A schedule, span, study or option that breaks a rule.

    `text` and `position` are set when the fault lies at a character of a text; the message
    then carries the line with a caret under that character.
    """

    def __init__(self, message: str, text: str | None = None, position: int | None = None) -> None:
        self.reason = message
        self.text = text
        self.position = position
        super().__init__(message if text is None else f"{message}\n{_pointer(text, position or 0)}")

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, str | None, int | None]]:
        return type(self), (self.reason, self.text, self.position)


class HorizonError(SpecError):
    """A span that cannot be turned into steps; the message names the missing number."""


class DataError(LrkitError):
    """A file or data set that is missing, damaged, or cannot be written."""


class LoopError(LrkitError, RuntimeError):
    """A training loop or task that calls lrkit in an order or with values that cannot be right."""


class InternalError(LrkitError):
    """A broken promise of lrkit's own; please report it with the message."""


class LoopWarning(UserWarning):
    """Something in the training loop that is probably not meant; raised once, with the remedy."""


def _pointer(text: str, position: int, width: int = 72) -> str:
    """Return the part of *text* around *position*, and a caret under that character."""
    position = min(max(position, 0), len(text))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    column = position - start
    left = max(0, column - width // 2)
    shown = line[left : left + width]
    # Tabs and wide or control characters would move the caret away from its character.
    shown = "".join(c if c.isprintable() else "?" for c in shown)
    return f"  {shown}\n  {' ' * (column - left)}^"
