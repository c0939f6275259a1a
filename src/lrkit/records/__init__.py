"""The run journal and its replay, the list of runs, the inbox, and curve files in and out.

A run is a folder: `journal.jsonl` (append-only, one JSON object a line), `journal.lock` (held by
the one process that writes), `inbox/` (edits from outside), and what others put beside them
(`checkpoints/`, `tensorboard/`). The state of a run is a replay of its journal; an `Overview` is
one for looking at, in the same memory whatever the length of the run.

May touch the run's own folder and the files it is asked to read or write. No torch, no plotting.
"""

from lrkit.records.answers import Answer, answer_of, wait_for
from lrkit.records.bands import Band, Mark
from lrkit.records.columns import read_columns, read_curve, write_columns, write_csv
from lrkit.records.course import (
    Group,
    course_of,
    courses_of,
    declared_of,
    edits_of,
    groups_of,
)
from lrkit.records.creation import free_name
from lrkit.records.files import write_file
from lrkit.records.following import Follower
from lrkit.records.format import FORMAT
from lrkit.records.inbox import Inbox, Letter, submit
from lrkit.records.journal import Journal
from lrkit.records.listing import RunSummary, find_run, list_runs, remove_run
from lrkit.records.outlets import Sink
from lrkit.records.overview import AXES, Overview
from lrkit.records.progress import Progress, progress_of
from lrkit.records.provenance import provenance
from lrkit.records.replay import Run, replay
from lrkit.records.wheel import Wheel, login_name
from lrkit.records.words import told_of, words_of

__all__ = [
    "AXES",
    "FORMAT",
    "Answer",
    "Band",
    "Follower",
    "Group",
    "Inbox",
    "Journal",
    "Letter",
    "Mark",
    "Overview",
    "Progress",
    "Run",
    "RunSummary",
    "Sink",
    "Wheel",
    "answer_of",
    "course_of",
    "courses_of",
    "declared_of",
    "edits_of",
    "find_run",
    "free_name",
    "groups_of",
    "list_runs",
    "login_name",
    "progress_of",
    "provenance",
    "read_columns",
    "read_curve",
    "remove_run",
    "replay",
    "submit",
    "told_of",
    "wait_for",
    "words_of",
    "write_columns",
    "write_csv",
    "write_file",
]
