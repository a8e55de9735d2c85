"""Data are compared with those accepted last, and accepted data keep the terms they had."""

from components import acceptance

A = {"train": b"train a", "eval": b"eval a"}
B = {"train": b"train b", "eval": b"eval b"}


def terms(folder, fingerprint, reason=""):
    return acceptance.terms(folder, fingerprint=fingerprint, accept_reason=reason)


def accept(folder, statistics, fingerprint, reason=""):
    on = terms(folder, fingerprint, reason)
    return acceptance.accept(folder, statistics, fingerprint=fingerprint, terms=on)


def test_first_data_are_compared_with_nothing(tmp_path):
    first = terms(tmp_path / "gate", "a")
    assert acceptance.statistics(tmp_path / "gate", first.baseline) == {}
    assert terms(tmp_path / "gate", "a") == first


def test_folder_that_was_removed_is_not_taken_for_the_old_one(tmp_path):
    assert terms(tmp_path / "1", "a").baseline != terms(tmp_path / "2", "a").baseline


def test_later_data_are_compared_with_those_accepted_last(tmp_path):
    accepted = accept(tmp_path, A, "a")
    assert terms(tmp_path, "b").baseline == accepted.id
    assert acceptance.statistics(tmp_path, accepted.id) == A


def test_accepted_data_are_judged_on_the_same_terms_again(tmp_path):
    accept(tmp_path, A, "a")
    before = terms(tmp_path, "b")
    accept(tmp_path, B, "b")
    assert terms(tmp_path, "b") == before
    assert acceptance.statistics(tmp_path, before.baseline) == A


def test_terms_differ_when_old_data_come_back_so_that_they_are_accepted_anew(tmp_path):
    seen = []
    for name, statistics in (("a", A), ("b", B), ("a", A), ("b", B)):
        seen.append(terms(tmp_path, name))
        accept(tmp_path, statistics, name)
    assert len({each.baseline for each in seen}) == 4
    assert acceptance.statistics(tmp_path, terms(tmp_path, "c").baseline) == B


def test_reason_holds_for_the_very_data_and_no_others(tmp_path):
    accept(tmp_path, A, "a", "they are fine")
    assert terms(tmp_path, "a").accept_reason == "they are fine"
    assert terms(tmp_path, "b").accept_reason == ""


def test_new_reason_replaces_the_old_one(tmp_path):
    accept(tmp_path, A, "a", "they are fine")
    assert terms(tmp_path, "a", "on second thoughts").accept_reason == "on second thoughts"


def test_statistics_that_nothing_can_ask_for_are_forgotten(tmp_path):
    ids = [accept(tmp_path, A, name).id for name in ("a", "b", "c")]
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [*ids[1:], "accepted.json"]


def test_refusal_beside_the_statistics_is_kept(tmp_path):
    (tmp_path / "refused").mkdir()
    accept(tmp_path, A, "a")
    accept(tmp_path, B, "b")
    assert (tmp_path / "refused").exists()
