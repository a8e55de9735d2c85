"""A verdict says what failed and whether a run may go on, and comes back from its file."""

import pytest

from components import gates
from components.gate_settings import GateSettings
from components.gates import Gate, Verdict

GOOD = Gate("a", 1, {"min": 1}, True, "Good.", step="DataGate")
BAD = Gate("b", None, {"max": 1}, False, "Bad.", ("été.jpg",), "DataGate")


def test_verdict_comes_back_from_its_file(tmp_path):
    verdict = Verdict([GOOD, BAD], "0001-a", "because")
    gates.write(tmp_path / "new", verdict)
    gates.write(tmp_path / "new", verdict)
    [first, second] = gates.read(tmp_path / "new").checks
    assert first.sentence == "Good."
    assert (second.check, second.value, second.bound, list(second.files)) == (
        "b",
        None,
        {"max": 1},
        ["été.jpg"],
    )
    assert gates.read(tmp_path / "new").accept_reason == "because"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["verdict.json"]


@pytest.mark.parametrize(
    ("checks", "reason", "goes_on"),
    [([GOOD], "", True), ([GOOD, BAD], "", False), ([GOOD, BAD], "because", True)],
)
def test_failed_check_stops_a_run_unless_a_person_accepts_the_data(checks, reason, goes_on):
    assert Verdict(checks, "0", reason).goes_on == goes_on


def test_failed_checks_are_told_apart():
    assert Verdict([GOOD, BAD], "0").failed == [BAD]


def test_class_shares_that_no_data_can_keep_are_refused():
    with pytest.raises(ValueError, match="no data could pass"):
        GateSettings(min_class_share=0.6, max_class_share=0.4)
    assert GateSettings(min_class_share=0.4, max_class_share=0.4)
