"""The site is built without a warning, holds every page, leads nowhere that is not there, and loads
nothing from elsewhere. `make test` makes its environment, which is its own.
"""

from __future__ import annotations

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from helpers import REPOSITORY
from packaging.requirements import Requirement

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
NOTEBOOKS = [*REPOSITORY.glob("lectures/*.ipynb"), *REPOSITORY.glob("exercises/*/*.ipynb")]
GUIDES = ["student", "instructor", "security", "clusters", "data", "contributing", "changes"]
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

pytestmark = pytest.mark.slow


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
def pages(site):
    files = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path.relative_to(site).as_posix(): Page(path) for path in files}


def test_lower_bounds_hold_for_the_lock():
    lock = (REPOSITORY / "requirements/site.txt").read_text().splitlines()
    pins = {Requirement(line).name: Requirement(line) for line in lock}
    for text in PROJECT["optional-dependencies"]["site"]:
        (pin,) = pins[Requirement(text).name].specifier
        assert Requirement(text).specifier.contains(pin.version), text


def test_every_lecture_exercise_and_guide_is_a_page_that_can_be_reached(pages):
    places = [notebook.relative_to(REPOSITORY).with_suffix(".html") for notebook in NOTEBOOKS]
    expected = {place.as_posix() for place in places} | {f"guides/{name}.html" for name in GUIDES}
    reached = {urldefrag(link).url for link in pages["index.html"].links}
    assert expected | {"api.html", "benchmarks.html"} <= reached & set(pages) | {"index.html"}
    assert "guides/instructor.html#in-your-own-course" in pages["index.html"].links


def test_no_link_is_dead(site, pages):
    dead = []
    for name, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or name == "search.html":
                continue
            place, anchor = urldefrag(urljoin(name, link))
            place = unquote(place)
            there = (site / place).is_file()
            if not there or (place in pages and unquote(anchor) not in pages[place].anchors):
                dead.append((name, link))
    assert dead == []


def test_links_to_the_repository_lead_to_what_it_holds(pages):
    address = PROJECT["urls"]["Repository"]
    links = {link for page in pages.values() for link in page.links if link.startswith(address)}
    places = [re.sub(r"^/(?:blob|tree)/main/", "", link.removeprefix(address)) for link in links]
    assert "nbgrader_config.py" in places
    assert [place for place in places if place and not (REPOSITORY / place).exists()] == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    outside = [
        (name, load)
        for name, page in pages.items()
        for load in page.loads
        if urlsplit(load).netloc or not (site / name).parent.joinpath(urlsplit(load).path).exists()
        if not load.startswith("data:")
    ]
    assert outside == []
    styles = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    assert styles
    for path, text in styles.items():
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text), path
    assert (site / "_static/mathjax/tex-chtml.js").exists()
    loaded = pages["lectures/04_lstm_by_hand_pytorch.html"].loads
    assert any("_static/mathjax/tex-chtml.js" in load for load in loaded)


def test_figures_have_alternative_texts(pages):
    images = [(name, image) for name, page in pages.items() for image in page.images]
    assert len(images) > 50
    assert [pair for pair in images if len(pair[1].get("alt") or "") < 8] == []


def test_figures_are_shown_and_the_code_that_draws_them_is_folded(site):
    lecture = (site / "lectures/05_elman_to_generation_keras.html").read_text("utf-8")
    cells = lecture.split('<div class="cell ')[1:]
    assert any("tag_hide-input" in cell and "<img" in cell for cell in cells)


def test_checks_of_exercises_are_folded(site):
    exercise = (site / "exercises/text_pipeline/pipeline.html").read_text(encoding="utf-8")
    cells = exercise.split('<div class="cell ')[1:]
    checks = [cell for cell in cells if "# Checks (" in cell]
    assert len(checks) == 8
    assert all("tag_hide-input" in cell for cell in checks)


def test_exercises_can_be_downloaded_as_they_are(site):
    for notebook in REPOSITORY.glob("exercises/*/*.ipynb"):
        (copy,) = site.glob(f"_downloads/*/{notebook.name}")
        assert copy.read_bytes() == notebook.read_bytes()


def test_search_knows_the_lectures(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "lectures/01_memory_and_gates_gluon" in index
    assert re.search(r'"?forget"?:', index)
