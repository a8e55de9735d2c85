"""Zip and tar archives: whole ones, hostile ones and broken ones."""

import gzip
import io
import random
import resource
import tarfile
import zipfile
from typing import Any

import pytest

from components import archives, contents, inputs
from components.quarantine import Rejected
from trainer.errors import DataError

MEMBERS = {
    f"{label}/{number}.jpg": f"{label} {number}".encode() for label in "ab" for number in "12"
}
MODES: dict[str, Any] = {"tar": "w:", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
PACKINGS = ["zip", *MODES]


def packed(kind, members=None):
    buffer = io.BytesIO()
    members = MEMBERS if members is None else members
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode=MODES[kind]) as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path):
    def write(content):
        path = tmp_path / "photos.ARCHIVE"
        path.write_bytes(content)
        return str(path)

    return write


def outcomes(path, max_bytes=1000):
    files = inputs.find(path).files
    return {file.name: content for file, content in contents.read(files, max_bytes=max_bytes)}


def reasons(path, **limits):
    return {
        name: content.reason
        for name, content in outcomes(path, **limits).items()
        if isinstance(content, Rejected)
    }


@pytest.mark.parametrize("kind", PACKINGS)
def test_members_are_read_whatever_the_name_of_the_archive(archive, kind):
    path = archive(packed(kind))
    assert outcomes(path) == MEMBERS
    assert {file.label for file in inputs.find(path).files} == {"a", "b"}


def test_a_tar_of_the_working_directory_has_the_names_of_the_files_in_it(archive):
    path = archive(packed("tar.gz", {f"./{name}": each for name, each in MEMBERS.items()}))
    assert outcomes(path) == MEMBERS


@pytest.mark.parametrize("kind", PACKINGS)
def test_one_folder_around_everything_is_looked_through(archive, kind):
    inner = {f"photos/{split}/{name}": b"1" for split in ("train", "val") for name in MEMBERS}
    path = archive(packed(kind, {**inner, "photos/README": b"", "__MACOSX/x": b""}))
    listing = inputs.find(path)
    assert {(file.split, file.label) for file in listing.files} == {
        (split, label) for split in ("train", "eval") for label in "ab"
    }
    assert listing.ignored == 2


def test_one_class_in_one_folder_stays_one_class(archive):
    with pytest.raises(DataError, match="one class only, 'a'"):
        inputs.find(archive(packed("zip", {"a/1": b"", "a/2": b""})))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_spans_in_an_archive_are_chosen(archive, kind):
    names = {f"span-{span}/{name}": b"1" for span in (9, 10) for name in MEMBERS}
    files = inputs.find(archive(packed(kind, names)), span="9").files
    assert {(file.span, file.label) for file in files} == {(9, "a"), (9, "b")}


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_member_beyond_the_limit_is_set_aside_and_never_held(archive, kind):
    huge = packed(kind, {**MEMBERS, "b/bomb.jpg": bytes(200_000_000)})
    assert len(huge) < 1_000_000
    path = archive(huge)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reasons(path) == {"b/bomb.jpg": "too_many_bytes"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_zip_member_that_claims_less_than_it_holds_is_set_aside(archive):
    content = bytearray(packed("zip", {**MEMBERS, "b/3.jpg": bytes(100_000_000)}))
    claimed = (100_000_000).to_bytes(4, "little")
    assert content.count(claimed) >= 1
    path = archive(bytes(content.replace(claimed, (10).to_bytes(4, "little"))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reasons(path) == {"b/3.jpg": "unreadable"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_tar_that_inflates_without_end_is_refused(archive, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_INFLATED", 1 << 20)
    path = archive(packed("tar.gz", {**MEMBERS, "b/bomb.jpg": bytes(100_000_000)}))
    with pytest.raises(DataError, match="inflates to more than 200 times its size"):
        inputs.find(path)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_name_that_leads_out_is_set_aside(archive, kind):
    names = {"../b/evil.jpg": b"1", "a/../../evil.jpg": b"2", "/b/absolute.jpg": b"3"}
    path = archive(packed(kind, {**MEMBERS, **names}))
    assert reasons(path) == {"../b/evil.jpg": "unreadable", "a/../../evil.jpg": "unreadable"}


def test_windows_separators_are_folders(archive):
    content = packed("zip", {"aXtrain1.jpg": b"1", "bXtrain2.jpg": b"2"})
    path = archive(content.replace(b"Xtrain", b"\\train"))
    assert set(outcomes(path)) == {"a/train1.jpg", "b/train2.jpg"}


def test_encrypted_member_is_set_aside(archive):
    content = bytearray(packed("zip"))
    for magic, flags_at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(magic) + flags_at] |= 1
    assert reasons(archive(bytes(content))) == {"a/1.jpg": "unreadable"}


def test_links_and_devices_in_a_tar_are_set_aside(archive):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        kinds = {"sym": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "pipe": tarfile.FIFOTYPE}
        for name, kind in kinds.items():
            info = tarfile.TarInfo(f"b/{name}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    path = archive(buffer.getvalue()[: 3 * tarfile.BLOCKSIZE] + packed("tar"))
    assert reasons(path) == dict.fromkeys(["b/sym.jpg", "b/hard.jpg", "b/pipe.jpg"], "unreadable")
    assert MEMBERS.items() <= outcomes(path).items()


def test_link_in_a_zip_is_set_aside(archive):
    buffer = io.BytesIO(packed("zip"))
    with zipfile.ZipFile(buffer, "a") as archived:
        info = zipfile.ZipInfo("b/link.jpg")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archived.writestr(info, "/etc/passwd")
    assert reasons(archive(buffer.getvalue())) == {"b/link.jpg": "unreadable"}


def test_two_members_of_one_name_are_both_read(archive):
    buffer = io.BytesIO(packed("tar"))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        info = tarfile.TarInfo("a/1.jpg")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"new"))
    files = inputs.find(archive(buffer.getvalue())).files
    read = [
        content for file, content in contents.read(files, max_bytes=9) if file.name == "a/1.jpg"
    ]
    assert set(read) == {b"a 1", b"new"}


@pytest.mark.parametrize("kind", PACKINGS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_archive_that_is_cut_short_is_refused(archive, kind, share):
    rng = random.Random(1)
    whole = packed(kind, {name: rng.randbytes(3000) for name in MEMBERS})
    with pytest.raises(DataError, match=r"is broken: .+; make it again"):
        inputs.find(archive(whole[: int(len(whole.rstrip(b"\0")) * share)]))


@pytest.mark.parametrize("left", [4 * tarfile.BLOCKSIZE, 4 * tarfile.BLOCKSIZE + 100])
def test_tar_that_ends_between_members_or_in_a_header_is_refused(archive, left):
    whole = packed("tar")  # Each member takes two blocks: its header and its few bytes.
    with pytest.raises(DataError, match="ends, or turns to rubbish, at byte 2048"):
        inputs.find(archive(whole[:left]))


def test_tar_with_rubbish_for_a_header_is_refused(archive):
    whole = bytearray(packed("tar"))
    whole[4 * tarfile.BLOCKSIZE] ^= 0xFF
    with pytest.raises(DataError, match="ends, or turns to rubbish, at byte 2048"):
        inputs.find(archive(bytes(whole)))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archive_that_is_cut_after_it_was_listed_sets_the_rest_aside(archive, kind):
    rng = random.Random(1)
    whole = packed(kind, {name: rng.randbytes(3000) for name in MEMBERS})
    files = inputs.find(archive(whole)).files
    archive(whole[:4000])
    read = list(contents.read(files, max_bytes=10_000))
    assert len(read) == len(MEMBERS)
    assert any(isinstance(content, Rejected) for _, content in read)


def damaged(content, rng):
    """A few bytes changed, cut out or doubled."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(changed))
        match rng.randrange(3):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                del changed[place : place + rng.randint(1, 30)]
            case _:
                changed[place:place] = changed[place : place + rng.randint(1, 30)]
    return bytes(changed)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_damaged_archive_is_refused_or_each_listed_file_has_an_outcome(archive, kind):
    rng = random.Random(3)
    whole = packed(kind, {name: rng.randbytes(300) for name in MEMBERS})
    refused = read = 0
    for _ in range(150):
        path = archive(damaged(whole, rng))
        try:
            files = inputs.find(path).files
        except DataError:
            refused += 1
            continue
        found = [file for file, _ in contents.read(files, max_bytes=1000)]
        assert sorted(found, key=repr) == sorted(files, key=repr)
        read += 1
    assert refused
    assert read or kind == "tar.gz"


def test_packed_file_that_is_no_tar_is_refused(archive):
    with pytest.raises(DataError, match="is broken"):
        inputs.find(archive(gzip.compress(b"just text, no tar at all" * 100)))
