"""Charts put every value where it belongs."""

import re

import pytest

from pipeline.report import axes, charts
from pipeline.report.axes import Scale
from pipeline.report.distributions import Bin, Distribution


def points(path):
    return [tuple(map(float, pair)) for pair in re.findall(r"([-\d.]+),([-\d.]+)", path.d)]


def training(best=2, **columns):
    count = len(next(iter(columns.values())))
    epochs = [
        {"epoch": number + 1, **{name: values[number] for name, values in columns.items()}}
        for number in range(count)
    ]
    return {"best_epoch": best, "epochs": epochs}


def distribution(split, *bins):
    made = tuple(Bin(*each) for each in bins)
    return Distribution("f", split, made[0].low, 0.0, 0.0, made[-1].high, made)


def test_scale_turns_values_into_places():
    assert [Scale(0, 10, 100, 200).place(value) for value in (0, 5, 10)] == [100, 150, 200]


def test_scale_of_one_value_places_it_at_the_start():
    assert Scale(3, 3, 100, 200).place(3) == 100


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 30, [10, 20, 30]),
        (0.2, 0.31, [0.2, 0.225, 0.25, 0.275, 0.3]),
        (7, 7, [7]),
    ],
)
def test_ticks_are_round_and_within(low, high, ticks):
    assert axes.nice(low, high) == ticks


def test_ticks_of_an_upright_axis_reach_around_the_values():
    assert axes.around(0.986, 0.999) == [0.985, 0.99, 0.995, 1.0]


def test_decades_are_all_that_is_shown_of_a_long_range():
    assert axes.decades(0.002, 0.3) == [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
    assert axes.decades(1e-6, 1.0) == [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0]


def test_curve_goes_through_every_epoch_and_falls_as_the_loss_falls():
    [loss] = charts.curves(training(loss=[0.4, 0.3, 0.2], val_loss=[0.5, 0.3, 0.4]))
    trained, judged = loss.paths
    assert (trained.of, judged.of) == ("loss", "val_loss")
    xs, ys = zip(*points(trained), strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)  # y grows downwards
    assert (xs[0], xs[-1]) == (loss.frame.left, loss.frame.end)


def test_best_epoch_is_marked_on_the_validation_curve():
    [loss] = charts.curves(training(loss=[0.4, 0.3, 0.2], val_loss=[0.5, 0.3, 0.4]))
    assert loss.mark is not None
    assert (loss.mark.x, loss.mark.y) == points(loss.paths[1])[1]
    assert loss.mark.label == "epoch 2"


def test_accuracy_has_a_chart_of_its_own():
    columns = {"loss": [1, 0.9], "accuracy": [0.5, 0.6], "val_accuracy": [0.0, 0.0]}
    loss, accuracy = charts.curves(training(**columns))
    assert (loss.title, accuracy.title) == ("Loss", "Accuracy")
    assert loss.mark is None
    assert accuracy.mark is not None
    assert accuracy.mark.y == accuracy.frame.floor


def test_loss_that_falls_far_is_drawn_over_decades():
    [far] = charts.curves(training(loss=[1.0, 0.1, 0.01], val_loss=[1.0, 0.1, 0.01]))
    [near] = charts.curves(training(loss=[1.0, 0.5, 0.1], val_loss=[1.0, 0.5, 0.1]))
    assert (far.is_logarithmic, near.is_logarithmic) == (True, False)
    first, second, third = (y for _, y in points(far.paths[0]))
    assert second - first == pytest.approx(third - second, abs=0.02)


def test_diverged_epochs_leave_a_gap():
    [loss] = charts.curves(training(loss=[0.4, None, 0.2], val_loss=[0.5, float("nan"), 0.4]))
    assert [len(points(path)) for path in loss.paths] == [2, 2]


def test_single_epoch_is_a_dot():
    [loss] = charts.curves(training(best=1, loss=[0.4], val_loss=[0.5]))
    assert [len(set(points(path))) for path in loss.paths] == [1, 1]
    assert [tick.label for tick in loss.x_ticks] == ["1"]


def test_histograms_of_all_splits_share_both_axes():
    chart = charts.histogram(
        "f", [distribution("train", (0, 1, 0.5), (1, 2, 0.5)), distribution("eval", (1, 4, 0.25))]
    )
    train, judged = (points(path) for path in chart.paths)
    assert (train[0][0], judged[-1][0]) == (chart.frame.left, chart.frame.end)
    assert judged[0][0] == train[3][0]  # both are at 1
    tallest = chart.frame.floor - chart.frame.top
    heights = [max(chart.frame.floor - y for _, y in path) for path in (train, judged)]
    assert heights == [tallest, tallest / 2]
    assert [y for _, y in train] == [chart.frame.floor, *[chart.frame.top] * 4, chart.frame.floor]


def test_property_that_is_the_same_everywhere_has_nothing_to_draw():
    alike = Distribution("f", "train", 3.0, 3.0, 3.0, 3.0, ())
    assert charts.histogram("f", [alike]).paths == []
