"""Figures held against bounds: what is judged where a probe did not come to its end."""

from components.probe_job import Figures, Latency, Probed
from components.probe_material import Expected
from components.serving_checks import Measured, absolute
from components.serving_gate_settings import ServingGateSettings
from components.serving_ratios import judge

SCORES = {"cold": 0.25, "warm": 0.75}


def measured(*, death="", **figures):
    return Measured(
        probed=Probed(Figures(**figures), death),
        expected=[Expected("a.jpg", SCORES), Expected("b.jpg", SCORES)],
        model_bytes=1_000_000,
        warm_up_requests=3,
    )


def checks(found, **settings):
    return {check.check: check for check in absolute(found, ServingGateSettings(**settings))}


def test_what_a_dead_probe_did_not_come_to_is_not_judged():
    found = checks(measured(death="The process ended.", load_seconds=1.0, scores=[SCORES]))
    assert [name for name, check in found.items() if not check.passed] == ["process"]
    assert found["process"].sentence == "The process ended."
    assert set(found) == {"process", "load_time", "warm_up", "model_size"}


def test_images_that_are_off_are_named_the_worst_first():
    served = [{"cold": 0.27, "warm": 0.73}, {"cold": 0.75, "warm": 0.25}]
    parity = checks(measured(scores=served))["parity"]
    assert parity.files == ["b.jpg", "a.jpg"]
    assert parity.value == 0.5
    assert "2 of 2 images" in parity.sentence


def test_difference_at_the_bound_passes():
    served = [{"cold": 0.5, "warm": 0.5}, SCORES]
    parity = checks(measured(scores=served), max_parity_difference=0.25)["parity"]
    assert parity.passed
    assert not parity.files


def test_scores_that_are_no_numbers_are_off():
    nan = float("nan")
    parity = checks(measured(scores=[{"cold": nan, "warm": nan}, SCORES]))["parity"]
    assert not parity.passed
    assert parity.value == 1.0  # A number, which JSON has.
    assert parity.files == ["a.jpg"]


def test_other_classes_are_off():
    parity = checks(measured(scores=[{"cold": 0.25, "hot": 0.75}, SCORES]))["parity"]
    assert not parity.passed
    assert parity.files == ["a.jpg"]


def test_nothing_to_compare_fails_parity():
    parity = checks(measured())["parity"]
    assert not parity.passed
    assert parity.value is None


def test_each_size_of_request_has_its_bounds():
    latency = {"8": Latency(10.0, 30.0, 20)}
    found = checks(
        measured(latency=latency),
        max_p50_ms={"1": 1.0, "8": 10.0, "32": 1.0},
        max_p99_ms={"1": 1.0, "8": 20.0, "32": 1.0},
    )
    assert found["p50_batch_8"].passed
    assert not found["p99_batch_8"].passed
    assert "99 % took no more than 30 ms, and up to 20 ms" in found["p99_batch_8"].sentence
    assert "serving_gate.max_p99_ms.8" in found["p99_batch_8"].sentence


def test_refused_bytes_pass_unless_a_photo_is_refused_afterwards():
    assert checks(measured(malformed={"text": "refused: no"}))["malformed_bytes"].passed
    after = "refused: no; broken afterwards: 1 photos were refused: gone"
    broken = checks(measured(malformed={"text": after, "empty": "told: empty"}))["malformed_bytes"]
    assert not broken.passed
    assert broken.value == 1
    assert "gone" in broken.sentence


def test_ratios_are_to_what_the_blessed_model_did():
    before = {"load_seconds": 1.0, "latency": {"1": {"p50_ms": 10.0}}, "peak_bytes": 100}
    now = {"load_seconds": 1.5, "latency": {"1": {"p50_ms": 31.0}}, "peak_bytes": 150}
    found = {check.check: check for check in judge(now, before, ServingGateSettings())}
    assert {name: check.passed for name, check in found.items()} == {
        "load_ratio": True,
        "p50_ratio_batch_1": False,
        "memory_ratio": True,
    }
    assert found["p50_ratio_batch_1"].sentence == (
        "A request of 1 photo takes 31 ms, with the blessed model 10: 3.10 times; up to 3 times "
        "is accepted (serving_gate.max_latency_ratio)."
    )
