"""The table of a search: ranked, and only with what differs between trials."""

from pipeline import tuning_table


def trial(number, loss, **values):
    return {
        "number": number,
        "values": {
            "model.dropout": 0.5,
            **{name.replace("__", "."): v for name, v in values.items()},
        },
        "val_loss": loss,
        "val_accuracy": 0.875,
        "epoch": 2,
        "seconds": 3.25,
    }


TUNING = {
    "objective": "val_loss",
    "trials": [
        trial(3, 0.01, model__cut="mixed7", train__learning_rate=0.0123456),
        trial(1, 0.02, model__cut="mixed8", train__learning_rate=0.1),
    ],
}


def test_each_trial_has_a_line_in_the_order_of_its_rank():
    head, _, *rows = tuning_table.lines(TUNING, width=100)
    names = ["rank", "trial", "cut", "learning_rate", "val_loss", "val_accuracy", "seconds"]
    assert head.split() == names
    assert rows[0].split() == ["1", "3", "mixed7", "0.0123", "0.01", "0.8750", "3.2"]
    assert rows[1].split() == ["2", "1", "mixed8", "0.1", "0.02", "0.8750", "3.2"]


def test_long_search_shows_its_best_trials():
    many = {**TUNING, "trials": [trial(number, number / 8) for number in range(1, 41)]}
    rows = tuning_table.lines(many, width=100)[2:]
    assert len(rows) == 20
    assert rows[-1].split()[:2] == ["20", "20"]


def test_words_set_every_value_of_a_trial_exactly():
    assert tuning_table.words(TUNING["trials"][0]) == [
        *("--set", "model.dropout=0.5"),
        *("--set", "model.cut=mixed7"),
        *("--set", "train.learning_rate=0.0123456"),
    ]


def test_search_that_finds_nothing_better_says_so():
    first = {**TUNING, "trials": [trial(1, 0.5), trial(2, 0.75)]}
    assert tuning_table.told(first) == "2 trials, best val_loss 0.5, with the settings as they are"
