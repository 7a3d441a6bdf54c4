"""The site in a real browser, on a wide screen and on a phone, in both color schemes.

One visit to each page answers most questions; what it finds is listed by page.
"""

from __future__ import annotations

import re
from importlib import resources

import numpy as np
import pytest
from helpers import some
from live import GATES, WEIGHTS, arrays, network_words, read

pytestmark = pytest.mark.slow

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
LOOKS = [("light", WIDE), ("dark", PHONE)]
LECTURE, LIVE = "lectures/01_memory_and_gates_gluon.html", "live.html"
# axe takes long over colors, so it looks at two elements of each kind and place.
THIN = """() => {
  document.querySelectorAll("mjx-container > *").forEach(part => part.replaceChildren());
  const seen = {};
  for (const part of [...document.body.querySelectorAll("*")].reverse()) {
    if (part.childElementCount) continue;
    let [kind, place] = ["", part];
    for (let level = 0; level < 5 && place; level++, place = place.parentElement) {
      kind += `${place.tagName} ${place.getAttribute("class")} ${place.getAttribute("style")}; `;
    }
    seen[kind] = (seen[kind] ?? 0) + 1;
    if (seen[kind] > 2) part.remove();
  }
}"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STRUCTURE = {"runOnly": TAGS, "rules": {"color-contrast": {"enabled": False}}}
CONTRAST = {"runOnly": ["color-contrast"]}
AXE = """options => axe.run({preload: false, resultTypes: ["violations"], ...options}).then(
  ({violations}) => violations.filter(v => ["serious", "critical"].includes(v.impact)).flatMap(
    v => v.nodes.map(n => `${v.id}: ${n.target} ${n.any.map(reason => reason.message)}`)))"""
UNTYPESET = """() => [...document.querySelectorAll(".math:not(:has(mjx-container)), mjx-merror")]
  .map(e => e.innerText)"""
# Images that wait until they are scrolled to are loaded now.
IMAGES = """() => Promise.all([...document.images].map(image => {
  image.loading = "eager";
  return image.decode().then(() => image.naturalWidth ? [] : [image.src], () => [image.src]);
})).then(lists => lists.flat())"""
SIDEWAYS = """() => document.documentElement.scrollWidth <= innerWidth ? [] : ["too wide",
  ...[...document.body.querySelectorAll("*")].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML)]"""
SETTLED = "() => !window.MathJax || MathJax.startup.promise.then(() => true)"


def tell(page, address: str) -> list[str]:
    """What goes wrong on a page from now on: messages, failed requests, requests to elsewhere."""
    found: list[str] = []

    def message(event) -> None:
        if event.type in ("error", "warning"):
            found.append(f"console: {event.text[:200]}")

    def request(event) -> None:
        if not event.url.startswith((address, "data:", "blob:")):
            found.append(f"elsewhere: {event.url}")

    def failed(event) -> None:
        if event.failure != "net::ERR_ABORTED":  # of a page that was left while it still loaded
            found.append(f"failed: {event.url} ({event.failure})")

    page.on("console", message)
    page.on("pageerror", lambda error: found.append(f"exception: {error}"))
    page.on("request", request)
    page.on("requestfailed", failed)
    page.on(
        "response",
        lambda event: event.status >= 400 and found.append(f"{event.status}: {event.url}"),
    )
    return found


@pytest.fixture
def page(chromium, address):
    """A page on a wide screen; the test fails if something went wrong on it."""
    context = chromium.new_context(viewport=WIDE, color_scheme="light", base_url=address)
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    found = tell(tab, address)
    yield tab
    context.close()
    assert found == []


def barriers(page, options: dict) -> list[str]:
    """What axe calls serious or critical."""
    if not page.evaluate("() => 'axe' in window"):
        script = resources.files("axe_playwright_python").joinpath("axe.min.js")
        page.evaluate(script.read_text())
    return page.evaluate(AXE, options)


def show(page, scheme: str, size: dict) -> None:
    """In a color scheme and a size."""
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.wait_for_selector(f"html[data-theme={scheme}]")
    page.add_style_tag(content="* { transition: none !important }")  # colors that still change


def visit(page, name: str) -> dict[str, list[str]]:
    """What is wrong with a page, by kind."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.goto(name)
    page.wait_for_function(SETTLED)
    found = {"not typeset": page.evaluate(UNTYPESET), "images": page.evaluate(IMAGES)}
    for scheme, size in LOOKS:
        show(page, scheme, size)
        found[f"sideways, {size['width']}"] = page.evaluate(SIDEWAYS)
        found[f"structure, {size['width']}"] = barriers(page, STRUCTURE)
    page.evaluate(THIN)
    for scheme, size in LOOKS:
        show(page, scheme, size)
        found[f"contrast, {scheme}"] = barriers(page, CONTRAST)
    return found


def test_every_page(page, site, address):
    files = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    names = sorted(path.relative_to(site).as_posix() for path in files)
    assert len(names) > 25
    problems = tell(page, address)
    wrong = {}
    for name in some(names, lambda name: name in (LECTURE, LIVE, "index.html")):
        found = visit(page, name) | {"messages": list(problems)}
        problems.clear()
        wrong |= {f"{name}, {kind}": what for kind, what in found.items() if what}
    assert wrong == {}


def test_search_finds_forget_gate_in_lecture_1(page):
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("forget gate")
    page.keyboard.press("Enter")
    page.wait_for_selector(".search-summary:has-text('found')")
    page.wait_for_selector(f"#search-results a[href^='{LECTURE}']")
    first = page.locator("#search-results li a").first.get_attribute("href")
    assert first.startswith(LECTURE)
    excerpt = page.locator("#search-results li", has=page.locator(f"a[href^='{LECTURE}']"))
    text = excerpt.locator(".context").first.inner_text().lower()
    assert "forget" in text or "gate" in text
    assert "settings" not in text  # the page's buttons
    page.set_viewport_size(PHONE)
    assert page.evaluate(SIDEWAYS) == []


def test_keyboard_reaches_the_content_and_the_color_scheme_stays(page):
    page.goto(LECTURE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    assert page.get_attribute("html", "data-theme") == "light"
    page.locator("button.theme-switch-button:visible").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".dropdown-menu.show")
    for mode in ("auto", "light", "dark"):
        page.keyboard.press("ArrowDown")
        page.wait_for_function("mode => document.activeElement.dataset.mode === mode", arg=mode)
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-theme=dark]")
    page.goto("api.html")
    assert page.get_attribute("html", "data-theme") == "dark"


def test_what_scrolls_sideways_can_be_reached_with_the_keyboard(page):
    page.set_viewport_size(PHONE)
    page.goto(LECTURE)
    page.wait_for_function(SETTLED)
    wide = "article mjx-container[display=true][tabindex='0']"
    page.wait_for_selector(wide)
    page.locator(wide).first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f'document.querySelector("{wide}").scrollLeft > 0')


def test_folded_code_opens_and_code_can_be_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("exercises/text_pipeline/pipeline.html")
    folded = page.locator("details:has(summary)").first
    folded.locator("summary").click()
    assert folded.locator("pre").first.is_visible()
    cell = page.locator("div.cell_input").first
    cell.hover()
    cell.locator("button.copybtn").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('import'))")


def test_a_phone_opens_the_list_of_pages(page):
    page.set_viewport_size(PHONE)
    page.goto("/")
    page.locator("button.primary-toggle:visible").first.click()
    link = page.locator(f"a[href$='{LECTURE}']:visible").first
    link.click()
    page.wait_for_url(f"**/{LECTURE}")


# ------------------------------------------------------------------------- see an LSTM read

SENTENCE = "It was not, as my neighbors had promised me all week, good. :-) Kaurismäki?"
ASK = """async ([kind, file, shapes, ids, held]) => {
  const network = await import("./_static/live/cells.mjs");
  const buffer = await (await fetch(`./_static/live/${file}`)).arrayBuffer();
  const steps = network.read(kind, ids, network.unpack(buffer, shapes), held);
  return steps.map(step => Object.fromEntries(Object.entries(step).map(
    ([name, value]) => [name, value.length ? [...value] : value])));
}"""


def test_networks_in_the_browser_equal_the_reference(page):
    page.goto(LIVE)
    _, ids_of = network_words("lstm")
    ids = [ids_of[word] for word in ("it", "was", "<unk>", "not", "as", "promised", "good")]
    for name in ("lstm", "gru", "rnn"):
        for held in ({}, *({gate: value} for gate in GATES[name] for value in (0, 1))):
            asked = [name, f"{name}.bin", WEIGHTS[name]["arrays"], ids, held]
            found = page.evaluate(ASK, asked)
            expected = read(name, ids, arrays(name), held)
            for key in ("h", "probability"):
                steps = np.array([step[key] for step in found])
                np.testing.assert_allclose(steps, expected[key], rtol=0, atol=1e-5)


def test_weights_come_when_asked_for_and_are_small(page):
    loaded: dict[str, int] = {}
    page.on("response", lambda answer: loaded.update({answer.url: len(answer.body())}))
    page.goto(LIVE)
    page.wait_for_selector("#writer-load")
    assert [url for url in loaded if url.endswith((".bin", ".txt"))] == []
    page.click("#reader-load")
    page.click("#writer-load")
    page.wait_for_selector("#words li")
    page.wait_for_selector("#next li")
    assert len([url for url in loaded if url.endswith(".bin")]) == 4
    asked_for = {url: size for url, size in loaded.items() if url.endswith((".bin", ".txt"))}
    assert sum(asked_for.values()) < 10e6
    assert sum(loaded.values()) - sum(asked_for.values()) < 4e6  # as on every page of the site


def test_the_page_reads_what_is_typed(page):
    page.goto(LIVE)
    page.click("#reader-load")
    page.fill("#sentence", SENTENCE.replace("not", "n’t"))
    page.fill("#sentence", SENTENCE)
    shown = page.locator("#words li span").all_inner_texts()
    assert shown[:3] == ["it", "was", "not"]
    assert shown[-2:] == [":-)", "kaurismäki"]
    _, ids_of = network_words("lstm")
    ids = [ids_of.get(word, 1) for word in shown]
    expected = read("lstm", ids, arrays("lstm"))["probability"]
    numbers = page.locator("#words li small").all_inner_texts()
    np.testing.assert_allclose([float(number) for number in numbers], expected, atol=0.0051)
    for name in ("gru", "rnn"):
        last = read(name, ids, arrays(name))["probability"][-1]
        assert f"{name.upper()} {last:.2f}" in page.inner_text("#legend")
    maps = page.locator("#networks canvas")
    assert maps.count() == 6 + 4 + 1
    assert maps.first.evaluate("map => [map.width, map.height]") == [len(ids), 64]
    painted = "map => map.getContext('2d').getImageData(0, 0, 9, 64).data.some(v => v && v < 255)"
    assert all(maps.nth(k).evaluate(painted) for k in range(maps.count()))
    # the keyboard alone: one word back, a gate shut, all gates free
    page.focus("#position")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#position-shown") == f"{len(ids) - 1} of {len(ids)}"
    page.keyboard.press("End")
    page.focus("[aria-label^='LSTM: hold forget gate']")
    page.keyboard.press("Home")
    shut = read("lstm", ids, arrays("lstm"), {"f": 0})["probability"][-1]
    assert f"LSTM {shut:.2f}" in page.inner_text("#legend")
    page.focus("#release")
    page.keyboard.press("Enter")
    assert f"LSTM {expected[-1]:.2f}" in page.inner_text("#legend")


def test_the_page_reads_word_by_word(page):
    page.goto(LIVE)
    page.click("#reader-load")
    page.fill("#sentence", "It was not bad")
    page.evaluate("""() => {
      window.seen = [];
      const note = () => seen.push(document.querySelector("#words [aria-current] span").innerText);
      new MutationObserver(note).observe(document.querySelector("#words"), {childList: true});
    }""")
    page.click("#play")
    assert page.inner_text("#play") == "Stop"
    page.wait_for_function("document.querySelector('#play').innerText !== 'Stop'")
    assert page.evaluate("seen") == ["it", "was", "not", "bad"]


def test_the_writer_writes(page):
    page.goto(LIVE)
    page.click("#writer-load")
    page.fill("#opening", "The white whale")
    words, _ = network_words("writer")
    page.focus("#temperature")
    page.keyboard.press("Home")
    assert page.inner_text("#temperature-shown") == "0.10"
    likeliest = page.locator("#next li span").first.inner_text()
    assert likeliest in words
    page.click("#write")
    page.wait_for_function("document.querySelector('#text').innerText.split(' ').length > 12")
    page.click("#write")
    text = page.inner_text("#text").split()
    assert text[:3] == ["the", "white", "whale"]
    assert set(text) <= set(words[1:])
    page.click("#restart")
    assert page.inner_text("#text") == "the white whale"


def test_the_page_in_use_fits_a_phone_and_has_no_barriers(page):
    page.set_viewport_size(PHONE)
    page.goto(LIVE)
    page.click("#reader-load")
    page.click("#writer-load")
    page.wait_for_selector("#next li")
    page.wait_for_selector("#words li")
    page.click("details summary")
    assert page.evaluate(SIDEWAYS) == []
    assert barriers(page, STRUCTURE) == []
    page.evaluate(THIN)
    for scheme in ("light", "dark"):
        show(page, scheme, PHONE)
        assert barriers(page, CONTRAST) == []


def test_without_scripts_there_is_a_picture_and_a_sentence(chromium, address):
    context = chromium.new_context(java_script_enabled=False, base_url=address)
    tab = context.new_page()
    tab.goto(LIVE)
    assert tab.locator("#live-asleep").is_visible()
    picture = tab.locator("noscript img")
    assert picture.is_visible()
    assert picture.bounding_box()["height"] > 200
    assert re.search("LSTM", picture.get_attribute("alt"))
    context.close()
