"""`python -m data`: the table, the sentences and the exit status."""

import subprocess
import sys

import pytest

from data import __main__ as cli
from data import registry

NOTHING = pytest.mark.usefixtures("nothing")


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.delenv("COURSE_DATA", raising=False)


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """imdb is fine, moby_dick is damaged, the rest is missing."""

    def damaged():
        raise registry.CorpusDamaged("The file is damaged: delete it.")

    def missing():
        raise registry.CorpusMissing("The host could not be reached.")

    here = tmp_path / "here"
    absent = cli._Actions(lambda: None, missing, missing)
    actions = dict.fromkeys(cli.ACTIONS, absent)
    actions["imdb"] = cli._Actions(lambda: here, lambda: here, lambda: "50,000 reviews.")
    actions["moby_dick"] = cli._Actions(lambda: here, damaged, damaged)
    monkeypatch.setattr(cli, "ACTIONS", actions)
    return here


@NOTHING
def test_list_tells_how_to_get_what_is_missing(capsys):
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "corpus", "what", "size", "license", "found,", "or", "how", "to", "get", "it",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[2:]] == [
        "imdb", "moby_dick", "glove", "glove-300d", "longmemory",
    ]  # fmt: skip
    for line in lines[2:6]:
        assert line.endswith(f"python -m data fetch {line.split()[0]}")
    assert lines[6].endswith("built in, nothing to fetch")


def test_list_tells_where_a_corpus_is(corpora, capsys):
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith(str(corpora))


@pytest.mark.parametrize(
    ("arguments", "status", "output"),
    [
        (["fetch", "imdb", "longmemory"], 0, "imdb: ready in {}\nlongmemory: {built_in}\n"),
        (["fetch", "glove"], 1, "glove: The host could not be reached.\n"),
        (
            ["fetch"],
            1,
            "imdb: ready in {}\nmoby_dick: The file is damaged: delete it.\n"
            "glove: The host could not be reached.\n",
        ),
        (["verify", "imdb"], 0, "imdb: 50,000 reviews.\n"),
        (
            ["verify"],
            1,
            "imdb: 50,000 reviews.\nmoby_dick: The file is damaged: delete it.\n",
        ),
        (
            ["verify", "glove", "imdb"],
            1,
            "glove: not on this machine, get it with python -m data fetch glove.\n"
            "imdb: 50,000 reviews.\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_sentences_and_status(corpora, capsys, arguments, status, output):
    assert cli.main(arguments) == status
    assert capsys.readouterr().out == output.format(corpora, built_in=cli.BUILT_IN)


def test_nothing_is_ready_that_verify_refuses(corpora, capsys, monkeypatch):
    def refuse():
        raise registry.CorpusDamaged("It holds other vectors.")

    monkeypatch.setitem(cli.ACTIONS, "imdb", cli._Actions(lambda: corpora, lambda: corpora, refuse))
    assert cli.main(["fetch", "imdb"]) == 1
    assert capsys.readouterr().out == "imdb: It holds other vectors.\n"


@NOTHING
def test_an_empty_folder_is_not_ready(tmp_path, monkeypatch, capsys):
    (tmp_path / "imdb-v1").mkdir()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))  # no archive there, and no network below
    monkeypatch.setattr(registry, "IMDB", registry.Source("aclImdb.tgz", (), None, 0))
    assert cli.main(["fetch", "imdb"]) == cli.main(["verify", "imdb"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(f"imdb: {tmp_path}/imdb-v1 is damaged") for line in lines)


@NOTHING
def test_verify_with_nothing_there(capsys):
    assert cli.main(["verify"]) == 0
    assert capsys.readouterr().out.startswith("No corpus is on this machine; get them with")


def test_unknown_corpus(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["fetch", "imbd"])
    assert "unknown corpus imbd; see python -m data list" in capsys.readouterr().err


@NOTHING
def test_as_a_command():
    ended = subprocess.run(
        [sys.executable, "-m", "data", "verify", "imdb"], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == "imdb: not on this machine, get it with python -m data fetch imdb.\n"
