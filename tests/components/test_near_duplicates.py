import io
import itertools

import numpy as np
import pytest
from PIL import Image

from components import near_duplicates, thumbnails
from components.near_duplicates import MAX_DISTANCE, HashedImage, find


def picture(seed, *, height=300, width=400):
    """A few big soft shapes over finer ones: every seed looks different."""
    rng = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize(
                (width, height), Image.Resampling.BICUBIC
            ),
            dtype=float,
        )
        for cells in (4, 8, 16, 64)
    ]
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


def saved_again(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def halved(image):
    return image.resize((image.width // 2, image.height // 2))


def cropped(image):
    across, down = round(image.width * 0.01), round(image.height * 0.01)
    return image.crop((across, down, image.width - across, image.height - down))


def brightened(image):
    return image.point(lambda value: min(255, value * 1.2))


COPIES = [saved_again, halved, cropped, brightened]


def perceptual_hash(pixels):
    return near_duplicates.perceptual_hash(thumbnails.make(pixels))


def hash_of(image) -> int:
    value = perceptual_hash(np.asarray(image))
    assert value is not None
    return value


def distance(one, other):
    return (hash_of(one) ^ hash_of(other)).bit_count()


def hashed(hashes, split):
    return [HashedImage(f"{split}/{number}", split, value) for number, value in enumerate(hashes)]


def names_of(pairs):
    return [(pair.first.name, pair.second.name, pair.distance) for pair in pairs]


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_hashes_nearly_alike(copy):
    distances = [distance(picture(seed), copy(picture(seed))) for seed in range(10)]
    assert max(distances) <= MAX_DISTANCE


def test_different_pictures_hash_differently():
    hashes = [hash_of(picture(seed)) for seed in range(30)]
    distances = [(a ^ b).bit_count() for a, b in itertools.combinations(hashes, 2)]
    assert min(distances) > MAX_DISTANCE
    assert np.mean(distances) == pytest.approx(32, abs=2)


def test_a_mirror_image_is_another_picture():
    mirrored = picture(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert distance(picture(0), mirrored) > MAX_DISTANCE


def test_a_hash_does_not_change_from_release_to_release():
    rows, columns = np.mgrid[:48, :64]
    pixels = np.stack([rows * columns % 251, rows * 5, columns * 3], axis=2).astype(np.uint8)
    assert f"{perceptual_hash(pixels):016x}" == "00031f3f3f3c7871"


def test_every_hash_fits_an_int64_feature():
    assert all(0 <= hash_of(picture(seed)) < 2**63 for seed in range(10))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (20, 30)])
def test_one_colour_has_no_hash(shape):
    assert perceptual_hash(np.full((*shape, 3), 77, np.uint8)) is None


def test_a_plain_gradient_and_faint_noise_have_no_hash():
    gradient = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (200, 256, 3))
    fog = np.random.default_rng(0).normal(200, 3, (300, 400, 3)).astype(np.uint8)
    assert perceptual_hash(gradient) is None
    assert perceptual_hash(fog) is None


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 3), (1, 50_000), (50_000, 1)])
def test_every_shape_can_be_hashed(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    value = perceptual_hash(pixels)
    assert value is None or 0 <= value < 2**63


def test_pairs_are_found_across_splits_only_closest_first():
    images = [
        *hashed([0b0000, 0b0011], "train"),
        *hashed([0b0001, 0b0011], "eval"),
        *hashed([2**62 - 1, None], "test"),
    ]
    expected = [
        ("eval/1", "train/1", 0),
        ("eval/0", "train/0", 1),
        ("eval/0", "train/1", 1),
        ("eval/1", "train/0", 2),
    ]
    assert names_of(find(images, max_distance=2)) == expected
    assert names_of(find(images[::-1], max_distance=2)) == expected


def test_images_of_one_hash_are_all_paired():
    images = [*hashed([7, 7], "train"), *hashed([7, 7, 7], "eval")]
    assert len(find(images, max_distance=0)) == 6


def test_images_without_a_hash_are_in_no_pair():
    assert find([*hashed([None, None], "train"), *hashed([None], "eval")]) == []


def test_nothing_and_a_single_split_have_no_pairs():
    assert find([]) == []
    assert find(hashed([1, 1, 1], "train")) == []


@pytest.mark.parametrize("max_distance", [0, 1, 2, 3, 4, 7, 8, 11, 12])
def test_no_pair_is_missed_and_none_is_made_up(max_distance):
    rng = np.random.default_rng(max_distance)
    centres = rng.integers(0, 2**63, 40).tolist()
    near = [
        centre ^ sum(1 << int(bit) for bit in rng.choice(63, flips, replace=False))
        for centre in centres
        for flips in range(14)
    ]
    train, evaluation = hashed(centres, "train"), hashed(near, "eval")
    by_hand = {
        (other.name, one.name)
        for one, other in itertools.product(train, evaluation)
        if (int(one.hash or 0) ^ int(other.hash or 0)).bit_count() <= max_distance
    }
    found = find([*train, *evaluation], max_distance=max_distance)
    assert len(found) == len(by_hand)
    assert {(pair.first.name, pair.second.name) for pair in found} == by_hand


def test_a_hundred_thousand_images_take_little_work(monkeypatch):
    compared = []
    bitwise_count = np.bitwise_count
    monkeypatch.setattr(
        np, "bitwise_count", lambda bits: compared.append(bits.size) or bitwise_count(bits)
    )
    hashes = np.random.default_rng(0).integers(0, 2**63, 100_000).tolist()
    find([*hashed(hashes[:80_000], "train"), *hashed(hashes[80_000:], "eval")])
    assert sum(compared) < 80_000 * 20_000 / 100


def test_photographs_copied_into_another_split_are_found_and_no_others(photos):
    files = sorted(photos.rglob("*.jpg"))[::60]
    originals = [Image.open(file).convert("RGB") for file in files]
    copies = [COPIES[place % len(COPIES)](image) for place, image in enumerate(originals)]
    train = hashed([hash_of(image) for image in originals], "train")
    evaluation = hashed([hash_of(image) for image in copies], "eval")
    found = {(pair.first.name, pair.second.name) for pair in find([*train, *evaluation])}
    assert found == {(f"eval/{place}", f"train/{place}") for place in range(len(files))}


def test_two_uploads_of_one_photograph_are_told_from_the_rest(photos):
    dogs = sorted((photos / "train/dogs").glob("dog.*.jpg"))[::8]
    train = [*dogs, photos / "train/dogs/dog.74.jpg"]
    evaluation = [photos / "train/dogs/dog.180.jpg"]
    images = [
        HashedImage(file.name, split, hash_of(Image.open(file).convert("RGB")))
        for split, files in {"train": train, "eval": evaluation}.items()
        for file in files
        if split == "eval" or file not in evaluation
    ]
    assert {(pair.first.name, pair.second.name) for pair in find(images)} == {
        ("dog.180.jpg", "dog.74.jpg")
    }
