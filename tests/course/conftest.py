"""The site, built once for all processes of the suite, a server and a browser for its tests."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading

import pytest
from filelock import FileLock
from helpers import CHROMIUM, REPOSITORY

SPHINX = REPOSITORY / ".venv-site/bin/sphinx-build"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built as `make site` builds it."""
    if not SPHINX.exists():
        pytest.skip("no .venv-site: `make site` makes it")
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent  # of all processes
    target = folder / "site"
    with FileLock(folder / "site.lock"):
        if not (folder / "site-built").exists():
            options = ["--quiet", "--fresh-env", "--fail-on-warning", "--keep-going", "-c", "docs"]
            command = [SPHINX, *options, "-d", folder / "doctrees", ".", target]
            done = subprocess.run(
                command, cwd=REPOSITORY, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "site-built").touch()
    return target


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site):
    """The site's address on this machine."""
    handler = functools.partial(Quiet, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium():
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
