"""Studies: what they expand to, and how a mistake in the file is told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lrkit.control import course, spike_guard, steered
from lrkit.errors import DataError, SpecError
from lrkit.lab import Study, decode_study, load_study
from lrkit.lab.jobs import identity_of, jobs_of
from lrkit.schedules import Horizon, parse

HEAD = 'name = "s"\ntask = "poly-tanh"\n'
STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))


def test_a_study_is_read_without_torch() -> None:
    script = (
        "import sys\nfrom lrkit.lab import load_study\n"
        f"load_study({str(STUDIES[0])!r})\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_every_study_of_ours_loads_under_its_own_name(path: Path) -> None:
    study = load_study(path)
    assert study.name == path.stem
    assert study.title
    assert study.note


def test_the_book_s_rates_are_those_each_epoch_truly_got() -> None:
    study = load_study(STUDIES[0].parent / "d2l-lenet-fashion.toml")
    rows = {row.name: row.schedule.over(30, steps_per_epoch=1).values() for row in study.rows()}
    assert rows["square root, as run"][[0, 1, 4]].tolist() == [0.3, 0.1, 0.05]
    assert set(rows["multi-step, as run"]) == {0.125}
    described = rows["multi-step, as described"]
    assert described[[0, 14, 15, 29]].tolist() == [0.5, 0.5, 0.25, 0.25]
    assert rows["cosine, as run"][[0, 1, 21, 29]].tolist() == [0.3, 0.3, 0.01, 0.01]
    warm = rows["cosine with warm-up, as run"]
    assert warm[[0, 1, 6]].tolist() == [0.3, 0.0, 0.3]
    assert rows["linear to zero"][15] == 0.15


def test_values_and_rates_make_rows() -> None:
    study = decode_study(
        HEAD + 'rates = [0.1, 0.2]\n[[schedules]]\nname = "f {x}"\n'
        'text = "exponential(1, {x})"\nvary = {x = [0.5, 0.9]}\n'
        "[[schedules]]\ntext = 'cosine()'\n"
    )
    assert [(row.name, str(row.schedule)) for row in study.rows()] == [
        ("f 0.5 at 0.1", "0.1 * exponential(1, 0.5)"),
        ("f 0.5 at 0.2", "0.2 * exponential(1, 0.5)"),
        ("f 0.9 at 0.1", "0.1 * exponential()"),
        ("f 0.9 at 0.2", "0.2 * exponential()"),
        ("cosine() at 0.1", "0.1 * cosine()"),
        ("cosine() at 0.2", "0.2 * cosine()"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("schedules = ['cosine()']\nsede = [1]", "unknown key 'sede'; did you mean 'seeds'"),
        ("[[schedules]]\ntxt = 'cosine()'", r"unknown key 'txt' in schedules.*did you mean 'text'"),
        (
            "[[schedules]]\ntext = 'cosine()'\nreferences = [{sorce = 'x', scores = [1]}]",
            "unknown key 'sorce' in .*did you mean 'source'",
        ),
        ("schedules = ['cosinus()']", "schedule 'cosinus.*did you mean cosine"),
        ("schedules = []", "needs a schedule"),
        ("schedules = ['cosine()', 'cosine()']", "comes twice"),
        ("schedules = ['cosine()']\nseeds = [1, 1]", "different numbers"),
        ("schedules = ['cosine()']\nseeds = [-1]", "`seed >= 0`"),
        ("schedules = ['cosine()']\nepochs = 0", "`epochs >= 1`"),
        ("schedules = ['cosine()']\nepochs = 2\ntotal = 5", "say the same"),
        ("schedules = ['cosine()']\nrates = [nan]", "rates must be finite"),
        ("schedules = ['cosine()']\nper = 'batch'", "per"),
        ("schedules = ['cosine()']\nseeds = ['a']", "seeds"),
        ("schedules = [", "not TOML"),
        ("[[schedules]]\ntext = 'cosine()'\nvary = {x = [1]}", r"must say \{x\}"),
        ("[[schedules]]\ntext = 'cosine()'\nreferences = [{source = 'x'}]", "needs scores"),
        ("", "schedules"),
    ],
)
def test_a_mistake_in_a_study_is_told_with_its_place(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(HEAD + text)
    with pytest.raises(SpecError, match=says) as caught:
        load_study(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in caught.value.reason


def test_a_study_without_a_task_needs_a_total() -> None:
    with pytest.raises(SpecError, match="needs a total"):
        Study(name="s", schedules=("cosine()",))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "no.toml"))):
        load_study(tmp_path / "no.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(SpecError, match="UTF-8"):
        load_study(tmp_path / "latin.toml")


def test_a_training_is_known_by_what_decides_its_outcome(homemade: Path) -> None:
    def identity(**changes: object) -> str:
        given = {"name": "a", "task": "homemade:line", "schedules": ("cosine()",), "epochs": 3}
        study = Study(**(given | changes))  # type: ignore[arg-type]
        return identity_of(study, study.rows()[0], 0, "cpu")

    base = identity()
    assert identity(name="b", title="t", seeds=(4, 0)) == base
    assert identity(schedules=("1 * cosine(1, 0)",)) != ""
    for change in (
        {"epochs": 4},
        {"schedules": ("linear()",)},
        {"options": {"noise": 1.0}},
        {"per": "epoch"},
        {"clip": 1.0},
        {"task": "poly-tanh"},
    ):
        assert identity(**change) != base
    (homemade / "homemade.py").write_text((homemade / "homemade.py").read_text() + "\n# new\n")
    assert identity() != base


def test_jobs_go_through_the_seeds_and_have_folders_of_their_own(tmp_path: Path) -> None:
    study = Study(name="a", task="poly-tanh", schedules=("cosine()", "linear()"), seeds=(3, 1))
    jobs = jobs_of(study, "cpu", tmp_path)
    assert [(j.row.name, j.seed) for j in jobs] == [
        ("cosine()", 3), ("linear()", 3), ("cosine()", 1), ("linear()", 1)
    ]  # fmt: skip
    assert len({j.folder for j in jobs}) == 4


def test_a_missing_library_is_named_with_the_remedy() -> None:
    script = (
        "import sys\nsys.modules['torch'] = None\n"
        "from lrkit.errors import LrkitError\n"
        "from lrkit.lab import Study, compare\n"
        "for ask in (lambda: compare(Study(name='s', task='poly-tanh', schedules=('cosine()',)),"
        " 'out'), lambda: __import__('lrkit.lab').lab.train):\n"
        "    try:\n        ask()\n"
        "    except LrkitError as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (
        done.stdout.splitlines()
        == ["the lab needs torch, which is not installed; pip install 'lrkit[lab]'"] * 2
    ), done.stderr


def test_an_entry_has_a_length_seeds_and_options_of_its_own(tmp_path: Path) -> None:
    study = decode_study(
        HEAD + "total = '10st'\nseeds = [0, 1]\noptions = { momentum = 0.5 }\n"
        "schedules = [{ text = 'cosine()' }, { text = 'linear()', total = '30st', seeds = [1],"
        " options = { momentum = 0.9, batch_size = 10 } }]"
    )
    first, second = study.rows()
    assert (first.total, first.seeds, first.options) == ("10st", (), {"momentum": 0.5})
    assert (second.total, second.seeds) == ("30st", (1,))
    assert second.options == {"momentum": 0.9, "batch_size": 10}
    jobs = jobs_of(study, "cpu", tmp_path)
    assert [(job.row.schedule, job.seed) for job in jobs] == [
        (first.schedule, 0), (first.schedule, 1), (second.schedule, 1)
    ]  # fmt: skip


def test_what_an_entry_has_of_its_own_decides_the_outcome() -> None:
    def identity(more: str) -> str:
        study = decode_study(HEAD + f"schedules = [{{ text = 'cosine()'{more} }}]")
        return identity_of(study, study.rows()[0], 0, "cpu")

    found = {
        identity(more)
        for more in (
            "",
            ", total = '30st'",
            ", options = { momentum = 0.9 }",
            ", edits = [{ at = '1ep', edit = 'set', value = 0.01 }]",
            ", edits = [{ at = '2ep', edit = 'set', value = 0.01 }]",
        )
    }
    assert len(found) == 5
    assert identity(", note = 'n', name = 'm'") == identity("")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("{ edit = 'hold' }", "needs its moment, `at`"),
        ("{ at = true, edit = 'hold' }", "needs its moment, `at`"),
        ("{ at = '1ep', step = 3, edit = 'hold' }", "needs its moment, `at`, and no `step`"),
        ("{ at = '1parsec', edit = 'hold' }", "schedule 'x': .*parsec"),
        ("{ at = '1ep', edit = 'stop' }", "schedule 'x': a study's edits change the rate, 'stop'"),
        ("{ at = '1ep', edit = 'sett' }", "schedule 'x': .*set"),
        ("{ at = '1ep', edit = 'set', valeu = 1 }", "schedule 'x': .*valeu"),
    ],
)
def test_a_wrong_edit_is_told_with_its_schedule(edit: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        decode_study(HEAD + f"schedules = [{{ name = 'x', text = 'cosine()', edits = [{edit}] }}]")


def test_seeds_of_an_entry_are_among_the_study_s() -> None:
    with pytest.raises(SpecError, match="must be among the study's, 'cosine"):
        decode_study(HEAD + "schedules = [{ text = 'cosine()', seeds = [7] }]")


def test_a_range_test_gives_the_rates_that_a_text_asks_for() -> None:
    text = "schedules = ['cyclic({base}, {maximum}, up=5st)', 'constant(0.1)']\n"
    with pytest.raises(SpecError, match=r"gives \{base\}, and the study has none; add a table"):
        decode_study(HEAD + text)
    study = decode_study(HEAD + text + "[find]\nsteps = 20\nrepeats = 1")
    assert study.wanted == ("base", "maximum")
    assert [row.sought for row in study.rows()] == [True, False]
    ready = study.with_rates({"base": 0.002, "maximum": 0.25})
    assert [row.sought for row in ready.rows()] == [False, False]
    assert ready.rows()[0].schedule == parse("cyclic(0.002, 0.25, up=5st)")
    with pytest.raises(SpecError, match=r"unknown key 'stepps' in find; did you mean 'steps'"):
        decode_study(HEAD + text + "[find]\nstepps = 20")
    with pytest.raises(SpecError, match="repeats >= 1"):
        decode_study(HEAD + text + "[find]\nrepeats = 0")


def test_rates_by_hand_and_rates_written_down_are_the_same_run() -> None:
    study = load_study(STUDIES[0].parent / "manual-poly-tanh.toml")
    written, by_hand, *_ = study.rows()
    assert len(study.seeds) >= 5
    assert [str(at) for at, _ in by_hand.edits] == ["30ep", "60ep"]
    rates = written.schedule.over("90ep", steps_per_epoch=50).values()
    assert rates[[0, 1499, 1500, 2999, 3000, 4499]].tolist() == [
        0.03, 0.03, 0.01, 0.01, 0.005, 0.005
    ]  # fmt: skip
    edits = [
        edit.stamped(round(Horizon(4500.0, steps_per_epoch=50).steps(at)))
        for at, edit in by_hand.edits
    ]
    edited = course(by_hand.schedule, edits, Horizon(4500.0, steps_per_epoch=50))
    assert edited.values().tobytes() == rates.tobytes()


STEERED = "0.1 * warmup(5ep) | plateau(0.1, patience=3, after=5ep) | spike_guard()"


def test_controllers_are_part_of_a_schedule_and_rates_scale_the_schedule() -> None:
    study = Study(name="s", task="poly-tanh", schedules=(STEERED, "cosine()"), rates=(0.5, 2.0))
    first, second, *plain = study.rows()
    assert first.name == f"{STEERED} at 0.5"
    assert str(first.spec) == str(steered(STEERED)).replace(
        "0.1 * warmup(5ep)", "0.5 * (0.1 * warmup(5ep))"
    )
    assert second.schedule == parse("2 * (0.1 * warmup(5ep))")
    assert first.controllers == second.controllers == steered(STEERED).controllers
    assert [row.controllers for row in plain] == [(), ()]
    with pytest.raises(SpecError, match=r"schedule 'cosine.*did you mean plateau"):
        Study(name="s", task="poly-tanh", schedules=("cosine() | platoe(0.1)",))


def test_a_range_test_s_rate_may_stand_before_controllers() -> None:
    study = decode_study(HEAD + "schedules = ['{peak} * cosine() | spike_guard()']\n[find]\n")
    assert study.rows()[0].sought
    (row,) = study.with_rates({"peak": 0.5}).rows()
    assert row.spec == parse("0.5 * cosine()") | spike_guard()


def test_controllers_decide_the_outcome_and_plain_schedules_stay_who_they_were() -> None:
    def identity(text: str) -> str:
        study = Study(name="a", task="poly-tanh", schedules=(text,), epochs=3)
        return identity_of(study, study.rows()[0], 0, "cpu")

    texts = ("cosine()", "cosine() | plateau(0.1)", "cosine() | plateau(0.2)")
    assert len({identity(text) for text in texts}) == 3
    assert identity("cosine()") == (
        "5b16bf274f6ae678ba2229544448d21d45ff12c71b0c3cb116db54dc339bd8b2"
    )
