"""Any damage to a journal gives a run or a `DataError`, and any plain data comes back."""

import contextlib
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrkit.errors import DataError
from lrkit.records import Journal, list_runs, replay
from lrkit.records.format import decode_event, decode_metrics, encode_event

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(fields=st.dictionaries(st.text().filter(lambda name: name != "kind"), plain))
def test_plain_data_round_trips(fields):
    escaped = '{"$float"' in encode_event("note", fields).decode()
    back = decode_event(encode_event("note", fields))
    assert back.pop("kind") == "note"
    assert back == fields or escaped


@given(value=st.floats())
def test_every_float_round_trips_in_both_spellings(tmp_path_factory, value):
    back = decode_event(encode_event("evaluation", {"x": value}))["x"]
    assert back == value or (math.isnan(back) and math.isnan(value))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(
    at=st.floats(0, 1),
    length=st.integers(0, 40),
    junk=st.binary(max_size=40) | st.sampled_from([b"\n", b"[" * 5000, b'{"kind":"metrics",']),
)
def test_damage_anywhere_gives_a_run_or_a_data_error(tmp_path, at, length, junk):
    folder = tmp_path / "run"
    if not folder.exists():
        with Journal.create(folder, script=None, seed=1) as journal:
            for step in range(5):
                journal.metrics(step, loss=1.0 / (step + 1))
            journal.append("evaluation", step=5, accuracy=math.nan)
        (tmp_path / "whole").write_bytes((folder / "journal.jsonl").read_bytes())
    whole = (tmp_path / "whole").read_bytes()
    place = int(at * len(whole))
    (folder / "journal.jsonl").write_bytes(whole[:place] + junk + whole[place + length :])
    for damaged in ("raise", "skip"):
        with contextlib.suppress(DataError):
            assert len(replay(folder, damaged=damaged).metrics["step"]) <= 6
    assert len(list_runs(tmp_path)) == 1


def test_metrics_line_takes_only_the_three_words():
    line = '{"kind":"metrics","step":1,"time":0.0,"values":{"loss":%s}}'
    assert decode_metrics((line % '"Infinity"').encode()).values == {"loss": "Infinity"}
    for word in ('"inf"', '"1.0"', "null", "[]"):
        try:
            decode_metrics((line % word).encode())
        except ValueError:
            continue
        raise AssertionError(word)
