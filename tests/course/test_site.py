"""The site is built without a warning, holds every page, leads nowhere that is not there, and loads
nothing from elsewhere. Skipped where nobody has typed `make site`: its environment is its own.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from helpers import REPOSITORY
from packaging.requirements import Requirement

SPHINX = REPOSITORY / ".venv-site/bin/sphinx-build"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
NOTEBOOKS = [*REPOSITORY.glob("lectures/*.ipynb"), *REPOSITORY.glob("exercises/*/*.ipynb")]
GUIDES = ["student", "instructor", "security", "clusters", "data", "contributing", "changes"]
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

pytestmark = pytest.mark.slow
built = pytest.mark.skipif(not SPHINX.exists(), reason="no .venv-site: `make site` makes it")


class Page(HTMLParser):
    """What a page links to, what a browser loads for it, its anchors, and its images."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors = {""}
        self.images: list[dict[str, str | None]] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.images.append(values)
        if values.get(LOADS.get(tag)):
            self.loads.append(values[LOADS[tag]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The site, built as `make site` builds it."""
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fresh-env", "--fail-on-warning", "--keep-going", "-c", "docs"]
    command = [SPHINX, *options, "-d", target / "doctrees", ".", target / "site"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target / "site"


@pytest.fixture(scope="module")
def pages(folder):
    files = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    return {path.relative_to(folder).as_posix(): Page(path) for path in files}


def test_lower_bounds_hold_for_the_lock():
    lock = (REPOSITORY / "requirements/site.txt").read_text().splitlines()
    pins = {Requirement(line).name: Requirement(line) for line in lock}
    for text in PROJECT["optional-dependencies"]["site"]:
        (pin,) = pins[Requirement(text).name].specifier
        assert Requirement(text).specifier.contains(pin.version), text


@built
def test_every_lecture_exercise_and_guide_is_a_page_that_can_be_reached(pages):
    places = [notebook.relative_to(REPOSITORY).with_suffix(".html") for notebook in NOTEBOOKS]
    expected = {place.as_posix() for place in places} | {f"guides/{name}.html" for name in GUIDES}
    reached = {urldefrag(link).url for link in pages["index.html"].links}
    assert expected | {"api.html", "benchmarks.html"} <= reached & set(pages) | {"index.html"}
    assert "guides/instructor.html#in-your-own-course" in pages["index.html"].links


@built
def test_no_link_is_dead(folder, pages):
    dead = []
    for name, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or name == "search.html":
                continue
            place, anchor = urldefrag(urljoin(name, link))
            place = unquote(place)
            there = (folder / place).is_file()
            if not there or (place in pages and unquote(anchor) not in pages[place].anchors):
                dead.append((name, link))
    assert dead == []


@built
def test_links_to_the_repository_lead_to_what_it_holds(pages):
    address = PROJECT["urls"]["Repository"]
    links = {link for page in pages.values() for link in page.links if link.startswith(address)}
    places = [re.sub(r"^/(?:blob|tree)/main/", "", link.removeprefix(address)) for link in links]
    assert "nbgrader_config.py" in places
    assert [place for place in places if place and not (REPOSITORY / place).exists()] == []


@built
def test_nothing_is_loaded_from_elsewhere(folder, pages):
    outside = [
        (name, load)
        for name, page in pages.items()
        for load in page.loads
        if urlsplit(load).netloc
        or not (folder / name).parent.joinpath(urlsplit(load).path).exists()
        if not load.startswith("data:")
    ]
    assert outside == []
    styles = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.css")}
    assert styles
    for path, text in styles.items():
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text), path
    assert (folder / "_static/mathjax/tex-chtml.js").exists()
    loaded = pages["lectures/04_lstm_by_hand_pytorch.html"].loads
    assert any("_static/mathjax/tex-chtml.js" in load for load in loaded)


@built
def test_figures_have_alternative_texts(pages):
    images = [(name, image) for name, page in pages.items() for image in page.images]
    assert len(images) > 50
    assert [pair for pair in images if len(pair[1].get("alt") or "") < 8] == []


@built
def test_figures_are_shown_and_the_code_that_draws_them_is_folded(folder):
    lecture = (folder / "lectures/05_elman_to_generation_keras.html").read_text("utf-8")
    cells = lecture.split('<div class="cell ')[1:]
    assert any("tag_hide-input" in cell and "<img" in cell for cell in cells)


@built
def test_checks_of_exercises_are_folded(folder):
    exercise = (folder / "exercises/text_pipeline/pipeline.html").read_text(encoding="utf-8")
    cells = exercise.split('<div class="cell ')[1:]
    checks = [cell for cell in cells if "# Checks (" in cell]
    assert len(checks) == 8
    assert all("tag_hide-input" in cell for cell in checks)


@built
def test_exercises_can_be_downloaded_as_they_are(folder):
    for notebook in REPOSITORY.glob("exercises/*/*.ipynb"):
        (copy,) = folder.glob(f"_downloads/*/{notebook.name}")
        assert copy.read_bytes() == notebook.read_bytes()


@built
def test_search_knows_the_lectures(folder):
    index = (folder / "searchindex.js").read_text(encoding="utf-8")
    assert "lectures/01_memory_and_gates_gluon" in index
    assert re.search(r'"?forget"?:', index)
