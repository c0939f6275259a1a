"""TensorBoard's messages, made without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lrkit.errors import LrkitError

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

SUFFIX: Final = ".lrkit"
"""The end of the names of our event files; others in the folder are left alone."""

QUEUE: Final = 1000
"""Events that may wait for the writer's thread; its own default, 10, makes a training wait."""

FLUSH_SECONDS: Final = 2

STATUS: Final = {
    "done": "STATUS_SUCCESS",
    "stopped": "STATUS_SUCCESS",
    "failed": "STATUS_FAILURE",
}


class Messages:
    """What goes into event files, and the writer for it; imports TensorBoard's package when made.

    Raises `LrkitError` where that is not installed.
    """

    def __init__(self) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
            from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
            from tensorboard.plugins.text.metadata import create_summary_metadata
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "tensorboard":
                raise
            raise LrkitError(
                "the TensorBoard sink needs tensorboard, which is not installed; "
                "pip install 'lrkit[tensorboard]'"
            ) from error
        self._event: Final = event_pb2.Event
        self._log: Final = event_pb2.SessionLog
        self._summary: Final = summary_pb2.Summary
        self._tensor: Final = tensor_pb2.TensorProto
        self._string: Final = types_pb2.DT_STRING
        self._as_text: Final = create_summary_metadata(display_name="", description="")
        self._hparams: Final = summary_v2.hparams_pb
        self._status: Final = api_pb2.Status
        self._ended: Final = plugin_data_pb2.SessionEndInfo
        self._plugin_data: Final = plugin_data_pb2.HParamsPluginData
        self._hparams_metadata: Final = metadata
        self._writer: Final = EventFileWriter

    def writer(self, folder: Path) -> EventFileWriter:
        """Return TensorBoard's writer of a new event file in *folder*."""
        return self._writer(str(folder), QUEUE, FLUSH_SECONDS, SUFFIX)

    def start(self, at: float) -> Event:
        """Return the event that makes a reader forget what it has read."""
        log = self._log(status=self._log.START)
        return self._event(wall_time=at, step=0, session_log=log)

    def beginning(self, values: Mapping[str, bool | float | str], at: float) -> Event:
        """Return the hyper-parameters of a run that began at time *at*."""
        found = self._hparams(dict(values), start_time_secs=at)
        return self._event(wall_time=at, step=0, summary=found)

    def ending(self, status: str, at: float) -> Event:
        """Return the end of a run with *status* at time *at*, for the HPARAMS tab."""
        word = self._status.Value(STATUS.get(status, "STATUS_UNKNOWN"))
        data = self._plugin_data(session_end_info=self._ended(status=word, end_time_secs=at))
        known = self._hparams_metadata
        value = self._summary.Value(
            tag=known.SESSION_END_INFO_TAG,
            metadata=known.create_summary_metadata(data),
            tensor=known.NULL_TENSOR,
        )
        return self._event(wall_time=at, summary=self._summary(value=[value]))

    def scalars(self, step: int, at: float, values: Mapping[str, float]) -> Event:
        """Return the event of *values* by tag at *step*."""
        event = self._event(wall_time=at, step=step)
        add: Any = event.summary.value.add
        for tag, value in values.items():
            add(tag=tag, simple_value=value)
        return event

    def text(self, tag: str, step: int, at: float, text: str) -> Event:
        """Return the event of a Markdown *text* at *step*."""
        tensor = self._tensor(dtype=self._string, string_val=[text.encode()])
        value = self._summary.Value(tag=tag, metadata=self._as_text, tensor=tensor)
        return self._event(wall_time=at, step=step, summary=self._summary(value=[value]))
