"""Views of a run for other tools: TensorBoard's event files and CSV tables, live or afterwards.

A sink is told what the journal has taken (`lrkit.records.Sink` is the protocol, open to others);
`export` plays a run that is on disk into one. May touch the folder it writes to. No torch.
"""

from lrkit.records import Sink
from lrkit.sinks.board import TensorBoard
from lrkit.sinks.exporting import EXPORTS, export
from lrkit.sinks.feeding import feed
from lrkit.sinks.tables import CSV

__all__ = ["CSV", "EXPORTS", "Sink", "TensorBoard", "export", "feed"]
