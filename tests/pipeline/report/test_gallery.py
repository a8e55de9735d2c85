"""Few of many judged images are shown: those that tell most."""

from components.judged_images import JudgedImage
from pipeline.report import gallery


def judged(path, truth, warm, *, threshold=0.5):
    label = "warm" if warm >= threshold else "cold"
    scores = {"cold": 1 - warm, "warm": warm}
    return JudgedImage(path, path, truth, label, scores[label], scores)


def names(images):
    return [image.path for image in images]


def test_worst_mistake_comes_first():
    images = [judged("a", "cold", 0.6), judged("b", "cold", 0.9), judged("c", "cold", 0.1)]
    assert names(gallery.choose(images, threshold=None).mistakes) == ["b", "a"]


def test_doubts_are_near_the_threshold_and_no_mistake_that_is_shown():
    images = [
        judged(name, "warm", score, threshold=0.7)
        for name, score in (("a", 0.95), ("b", 0.72), ("c", 0.75), ("d", 0.5))
    ]
    images.append(judged("e", "cold", 0.55, threshold=0.7))
    found = gallery.choose(images, threshold=0.7)
    assert names(found.mistakes) == ["d"]
    assert names(found.doubts) == ["b", "c", "e", "a"]


def test_doubt_among_many_classes_is_between_the_best_two():
    def of(path, *scores):
        return JudgedImage(path, path, "a", "a", scores[0], dict(zip("abc", scores, strict=True)))

    found = gallery.choose([of("1", 0.5, 0.3, 0.2), of("2", 0.45, 0.43, 0.12)], threshold=None)
    assert names(found.doubts) == ["2", "1"]


def test_surest_right_image_of_each_class_is_shown():
    images = [
        judged("a", "warm", 0.8),
        judged("b", "warm", 0.9),
        judged("c", "cold", 0.2),
        judged("d", "cold", 0.99),
    ]
    assert names(gallery.choose(images, threshold=None).right) == ["c", "b"]


def test_of_thousands_few_are_shown():
    images = [judged(f"{n}", "cold", n / 5000) for n in range(5000)]
    assert len(gallery.choose(images, threshold=None).images) == 12 + 8 + 1
    assert gallery.choose([], threshold=None).images == []
