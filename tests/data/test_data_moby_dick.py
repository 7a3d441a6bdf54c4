"""The novel's text, words and vocabulary on two small packagings of the same invented book."""

import os
from pathlib import Path

import pytest

from data import moby_dick, registry

CHAPTERS = "\n\n".join(
    f"CHAPTER {number}\n\n{'Call me Ishmael, ' if number == 1 else ''}the Whale's whale--sea"
    for number in (1, 2, 3)
)
NOVEL = f"{CHAPTERS}\n\nEpilogue\n\nfound another\norphan.\n"
PACKAGINGS = {
    "header removed": f"MOBY DICK\n\n{NOVEL}\n\nEnd of this Project Gutenberg etext\n",
    "as Gutenberg serves it": (
        "\ufeff*** START OF THIS BOOK ***\n\nCHAPTER 1. Contents\nCHAPTER 2\n\n"
        + NOVEL.replace("'", "’")
        + "\n*** END OF THIS BOOK ***\nlicence\n"
    ).replace("\n", "\r\n"),
}


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    monkeypatch.setattr(moby_dick, "NUM_CHAPTERS", 3)
    monkeypatch.setattr(moby_dick, "MIN_WORDS", 20)
    monkeypatch.setattr(moby_dick, "MAX_WORDS", 30)
    return tmp_path / "moby_dick.txt"


def write(path, text):
    path.write_bytes(text.encode())


@pytest.mark.parametrize("packaging", PACKAGINGS)
def test_text_starts_and_ends_with_the_novel(path, packaging):
    write(path, PACKAGINGS[packaging])
    assert moby_dick.text() == NOVEL
    assert moby_dick.available()
    assert moby_dick.verify() == (
        "22 words in 3 chapters, not the edition that the course was measured on."
    )


def test_words_and_vocabulary(path):
    write(path, PACKAGINGS["header removed"])
    words = moby_dick.words()
    assert words[:9] == [
        "chapter", "call", "me", "ishmael", "the", "whale's", "whale", "sea", "chapter",
    ]  # fmt: skip
    assert moby_dick.vocabulary(5) == ["chapter", "sea", "the", "whale", "whale's"]
    assert len(moby_dick.vocabulary()) == len(set(words)) == 12


def test_quick_cuts_after_a_paragraph(path, monkeypatch):
    write(path, PACKAGINGS["header removed"])
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(moby_dick, "QUICK_CHARACTERS", 20)
    assert moby_dick.text() == "CHAPTER 1\n\nCall me Ishmael, the Whale's whale--sea\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not run from chapter 1 to the epilogue"),
        (NOVEL[:40], "does not run from chapter 1 to the epilogue"),
        (NOVEL.replace("CHAPTER 2", "PART 2"), "has 2 chapters and 22 words"),
        (NOVEL.replace("Epilogue", "word " * 30), "has 3 chapters and 51 words"),
    ],
)
def test_not_the_whole_novel(path, text, message):
    write(path, text)
    with pytest.raises(registry.CorpusDamaged, match=f"{message}, expected the 3 chapters"):
        moby_dick.text()


def test_not_text(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(registry.CorpusDamaged, match="is not UTF-8 text"):
        moby_dick.text()


def test_unreadable_file(path, monkeypatch):
    write(path, NOVEL)

    def refuse(self):
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # permission bits do not bind root
    with pytest.raises(registry.CorpusDamaged, match="cannot be read"):
        moby_dick.text()


def test_nothing_there(monkeypatch):
    closed = registry.Source("moby_dick.txt", ("http://127.0.0.1:9/",), None, 1)
    monkeypatch.setattr(registry, "MOBY_DICK", closed)
    assert not moby_dick.available()
    with pytest.raises(registry.CorpusMissing, match=r"moby_dick\.txt is not on this machine"):
        moby_dick.text()


def test_a_damaged_download_is_replaced(tmp_path, monkeypatch):
    cached = tmp_path / "cache" / "moby_dick.txt"
    cached.parent.mkdir()
    write(cached, NOVEL[:40])

    def download_again(source):
        write(cached, NOVEL)
        return cached

    with monkeypatch.context() as offline:
        closed = registry.Source("moby_dick.txt", ("http://127.0.0.1:9/",), None, 1)
        offline.setattr(registry, "MOBY_DICK", closed)
        with pytest.raises(registry.CorpusDamaged, match=f"{cached} does not run from chapter 1"):
            moby_dick.text()
    monkeypatch.setattr(registry, "download_again", download_again)
    with pytest.warns(UserWarning, match=f"{cached} was damaged: it has been downloaded again"):
        assert moby_dick.text() == NOVEL


def test_a_damaged_file_of_course_data_is_left_alone(path, monkeypatch):
    write(path, NOVEL[:40])
    monkeypatch.setattr(registry, "download_again", lambda _: pytest.fail("it is not ours"))
    with pytest.raises(registry.CorpusDamaged, match="does not run from chapter 1"):
        moby_dick.fetch()
    assert path.read_text() == NOVEL[:40]
