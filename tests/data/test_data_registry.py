"""Where corpora are looked for, downloads that fail in every way, and builds that are cut short."""

import hashlib
import http.server
import mmap
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from data import registry

CONTENT = b"what the publisher released"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def server():
    """A local server: /right, /wrong (other bytes), /short (the connection ends early)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"something else" if self.path == "/wrong" else CONTENT
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:5] if self.path == "/short" else body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def source(*urls):
    return registry.Source("corpus.bin", urls, f"md5:{hashlib.md5(CONTENT).hexdigest()}", 0.1)


CLOSED = "http://127.0.0.1:9/right"  # nothing listens there


def test_lookup_order(tmp_path, cache, monkeypatch):
    assert registry.find("a.txt", "b.txt") is None
    cache.mkdir()
    (cache / "a.txt").write_text("cache")
    assert registry.find("a.txt", "b.txt") == cache / "a.txt"
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "b.txt").write_text("given")
    monkeypatch.setenv("COURSE_DATA", str(folder))
    assert registry.find("a.txt", "b.txt") == folder / "b.txt"


def test_course_data_that_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "typo"))
    with pytest.raises(registry.CorpusMissing, match=r"COURSE_DATA names .*typo, which is not"):
        registry.find("a.txt")


def test_default_cache_is_the_users(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")
    assert registry.cache_dir().name == "rnn-course"


def test_check(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    registry.check(path, "md5:900150983cd24fb0d6963f7d28e17f72")
    with pytest.raises(registry.CorpusDamaged, match=r"has the md5 900150983cd2…, expected 000…: "):
        registry.check(path, "md5:000")


def test_download(server, cache):
    path = registry.download(source(f"{server}/right"))
    assert path == cache / "corpus.bin"
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("first", ["/wrong", "/short", CLOSED])
def test_download_falls_back_to_the_next_host(server, first):
    first = first if first == CLOSED else server + first
    assert registry.download(source(first, f"{server}/right")).read_bytes() == CONTENT


def test_download_with_the_wrong_checksum(server, cache):
    with pytest.raises(registry.CorpusDamaged, match=r"corpus\.bin is not the published file"):
        registry.download(source(f"{server}/wrong"))
    assert list(cache.iterdir()) == []


def test_download_cut_short(server, cache):
    with pytest.raises(registry.CorpusError, match=r"corpus\.bin"):
        registry.download(source(f"{server}/short"))
    assert list(cache.iterdir()) == []


def test_no_network(cache):
    with pytest.raises(registry.CorpusMissing, match=r"127\.0\.0\.1:9 could not be reached"):
        registry.download(source(CLOSED))
    assert list(cache.iterdir()) == []


def test_a_damaged_download_is_replaced(server, cache):
    cache.mkdir()
    (cache / "corpus.bin").write_bytes(CONTENT[:7])
    assert registry.download(source(f"{server}/right")).read_bytes() == CONTENT


def test_download_again_replaces_what_is_there(server, cache):
    cache.mkdir()
    (cache / "corpus.bin").write_bytes(b"damaged")
    with pytest.raises(registry.CorpusMissing):
        registry.download_again(source(CLOSED))
    assert (cache / "corpus.bin").read_bytes() == b"damaged"
    path = registry.download_again(source(f"{server}/right"))
    assert path == cache / "corpus.bin"
    assert path.read_bytes() == CONTENT
    assert list(cache.iterdir()) == [path]


def test_build_happens_once_and_is_verified(cache):
    calls = []

    def fill(folder):
        calls.append(folder)
        (folder / "part").mkdir()
        (folder / "part" / "a.bin").write_bytes(b"123")

    target = registry.build("corpus", fill)
    assert registry.build("corpus", fill) == target == cache / "corpus"
    assert len(calls) == 1
    assert registry.verify_build("corpus") == target
    (target / "part" / "a.bin").write_bytes(b"124")
    with pytest.raises(registry.CorpusDamaged, match=r"a\.bin has changed"):
        registry.verify_build("corpus")
    (target / "SHA256SUMS").unlink()
    with pytest.raises(registry.CorpusDamaged, match="it has no SHA256SUMS"):
        registry.verify_build("corpus")


# --- a parsed corpus that was damaged later ---------------------------------------------------


def fill_two(folder):
    (folder / "part").mkdir()
    (folder / "part" / "a.bin").write_bytes(bytes(range(256)) * 64)
    (folder / "words.txt").write_text("the\nfilm")


def zero_a_block(folder):
    with open(folder / "part" / "a.bin", "r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


def exchange(folder):
    a, b = folder / "part" / "a.bin", folder / "words.txt"
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)


def empty_the_folder(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def file_for_folder(folder):
    shutil.rmtree(folder)
    folder.write_text("what is this?")


def folder_for_file(folder):
    (folder / "words.txt").unlink()
    (folder / "words.txt").mkdir()


def pipe_for_file(folder):
    (folder / "words.txt").unlink()
    os.mkfifo(folder / "words.txt")


def corpus_of_another_name(folder):
    registry.build("another", fill_two)
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("another"), folder)


DAMAGES = {
    zero_a_block: r"part/a\.bin has changed",
    exchange: r"part/a\.bin has changed",
    lambda f: os.truncate(f / "part" / "a.bin", 100): r"part/a\.bin has changed",
    lambda f: os.truncate(f / "words.txt", 0): r"words\.txt has changed",
    lambda f: (f / "words.txt").unlink(): r"words\.txt is missing",
    lambda f: shutil.rmtree(f / "part"): r"part/a\.bin is missing",
    lambda f: (f / "part" / "b.bin").touch(): r"part/b\.bin does not belong there",
    folder_for_file: r"words\.txt is missing",
    pipe_for_file: r"words\.txt is missing",
    empty_the_folder: "it has no SHA256SUMS",
    file_for_folder: "cannot be read: Not a directory",
    corpus_of_another_name: "it holds another",
    lambda f: os.truncate(f / "SHA256SUMS", 100): "SHA256SUMS is not readable",
    lambda f: (f / "SHA256SUMS").write_bytes(b"\xff\x00"): "SHA256SUMS is not readable",
    lambda f: os.truncate(f / "SHA256SUMS", 0): "does not belong there",
}
every_damage = pytest.mark.parametrize(("do_damage", "said"), DAMAGES.items())


@every_damage
def test_damage_is_named_and_built_again(cache, do_damage, said):
    target = registry.build("corpus", fill_two)
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    do_damage(target)
    with pytest.raises(registry.CorpusDamaged, match=rf"{target} is damaged \(.*{said}"):
        registry.verify_build("corpus")
    with pytest.warns(UserWarning, match=rf"{target} was damaged \(.*{said}.*\): built again"):
        assert registry.build("corpus", fill_two) == target
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before
    assert registry.verify_build("corpus") == target
    assert not list(cache.glob(".*"))


@every_damage
def test_damage_that_cannot_be_built_again(cache, do_damage, said):
    def missing(folder):
        raise registry.CorpusMissing("The archive is not on this machine.")

    do_damage(registry.build("corpus", fill_two))
    with pytest.raises(
        registry.CorpusDamaged,
        match=rf"{cache}/corpus is damaged \(.*{said}.*could not be built again\. The archive is",
    ):
        registry.build("corpus", missing)
    assert os.path.lexists(cache / "corpus")  # what is left of it stays


def test_what_file_managers_leave_is_no_damage(cache):
    target = registry.build("corpus", fill_two)
    (target / "part" / ".DS_Store").touch()
    assert registry.verify_build("corpus") == target


def test_a_corpus_without_a_name_in_its_checksums_is_whole(cache):
    sums = registry.build("corpus", fill_two) / "SHA256SUMS"
    sums.write_text(sums.read_text().partition("\n")[2])
    assert registry.damage("corpus") is None


def test_unreadable_file_is_damage(cache, monkeypatch):
    registry.build("corpus", fill_two)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(registry, "_sha256", refuse)  # permission bits do not bind root
    with pytest.raises(registry.CorpusDamaged, match=r"a\.bin cannot be read: Permission denied"):
        registry.verify_build("corpus")


def test_a_whole_corpus_is_read_once_per_process(cache, monkeypatch):
    target, read = registry.build("corpus", fill_two), []
    original = registry._sha256
    monkeypatch.setattr(registry, "_sha256", lambda path: read.append(path) or original(path))
    for _ in range(3):
        assert registry.damage("corpus") is None
    assert len(read) == 2
    times = (target / "words.txt").stat()
    (target / "words.txt").write_text("the\nfilN")  # as long as before, and dated back
    os.utime(target / "words.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert registry.damage("corpus") == "words.txt has changed"


def test_locked_folders_are_removed_as_well(cache):
    target = registry.build("corpus", fill_two)
    (target / "part").chmod(0)
    (target / "words.txt").unlink()
    with pytest.warns(UserWarning, match="built again"):
        registry.build("corpus", fill_two)
    assert sorted(path.name for path in cache.iterdir()) == ["corpus", "corpus.lock"]


def test_who_has_mapped_a_damaged_file_keeps_it(cache):
    target = registry.build("corpus", fill_two)
    with open(target / "part" / "a.bin", "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    os.truncate(target / "words.txt", 3)
    with pytest.warns(UserWarning, match="built again"):
        registry.build("corpus", fill_two)
    assert mapped[:] == bytes(range(256)) * 64


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_interrupted_build_leaves_nothing(cache, stop):
    def fill(folder):
        (folder / "half").write_text("half")
        raise stop

    with pytest.raises(stop):
        registry.build("corpus", fill)
    assert [path.name for path in cache.iterdir()] == ["corpus.lock"]


BUILDER = """
import pathlib, sys, time
from data import registry
def fill(folder):
    (folder / "half").write_text("half")
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    time.sleep(float(sys.argv[2]))
    (folder / "whole").write_text("whole")
target = registry.build("corpus", fill)
assert sorted(p.name for p in target.iterdir()) == ["SHA256SUMS", "half", "whole"]
"""


def start_builder(log, seconds):
    return subprocess.Popen([sys.executable, "-c", BUILDER, str(log), str(seconds)])


def test_two_processes_build_once(tmp_path):
    log = tmp_path / "log"
    builders = [start_builder(log, 0.5) for _ in range(3)]
    assert [builder.wait(60) for builder in builders] == [0, 0, 0]
    assert log.read_text() == "built\n"


def test_several_processes_repair_once(tmp_path, cache):
    log = tmp_path / "log"
    assert start_builder(log, 0).wait(60) == 0
    os.truncate(cache / "corpus" / "half", 2)
    builders = [start_builder(log, 0.5) for _ in range(3)]
    assert [builder.wait(60) for builder in builders] == [0, 0, 0]
    assert log.read_text() == "built\n" * 2
    assert registry.damage("corpus") is None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_build_is_started_afresh(tmp_path, cache):
    log = tmp_path / "log"
    builder = start_builder(log, 60)
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(builder.pid, signal.SIGKILL)
    builder.wait(60)
    assert not (cache / "corpus").exists()
    assert start_builder(log, 0).wait(60) == 0
    assert log.read_text() == "built\n" * 2


def test_waiting_for_a_lock_ends(monkeypatch):
    monkeypatch.setattr(registry, "LOCK_TIMEOUT_S", 0.1)

    def fill(_):
        registry.build("corpus", fill)  # a second builder while the first is at work

    with pytest.raises(registry.CorpusError, match="Another process has held"):
        registry.build("corpus", fill)


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(registry.CorpusError, match=r"cannot be written .* COURSE_CACHE"):
        registry.build("corpus", lambda folder: None)


def test_full_disk(cache):
    def fill(folder):
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(registry.CorpusError, match=r"\(No space left on device\): free some"):
        registry.build("corpus", fill)
    assert [path.name for path in cache.iterdir()] == ["corpus.lock"]


def test_atomic_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with registry.atomic_text(path) as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    with registry.atomic_text(path) as file:
        file.write("new")
    assert path.read_text() == "new"
    assert list(tmp_path.glob(".*")) == []
