"""Texts of students as harmless HTML, up to a size and within a time.

Markdown, HTML and formulas are rendered first and reduced to an allow-list afterwards; what is too
large, takes too long or cannot be rendered is shown as it was written. What comes out is inert: it
runs nothing, loads nothing and cannot cover anything else on the page.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

from bleach import clean
from bleach.css_sanitizer import CSSSanitizer
from latex2mathml.converter import convert_to_element
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image
from pygments.token import STANDARD_TYPES

SIZE = 100_000  # characters of one text that are rendered, or shown as they are
SECONDS = 2.0  # for one text
PAGE_SECONDS = 10.0  # for all texts of a page
PAGE_CHARACTERS = 3_000_000
DEPTH = 100  # elements inside each other
IMAGE_BYTES = 5_000_000
PAGE_IMAGE_BYTES = 50_000_000
IMAGE_PIXELS = 50_000_000


class TooLong(BaseException):
    """The time is up; not an Exception, so that no library swallows it."""


_deadlines: list[float] = []


def _look_at_the_clock(*_: Any) -> None:
    if _deadlines and time.monotonic() >= min(_deadlines):
        raise TooLong


def within(seconds: float, make: Callable, *arguments: Any) -> Any:
    """`make(*arguments)`, or TooLong after so many seconds.

    A timer's signal stops Python code and regular expressions, in the main thread only; elsewhere,
    and on Windows, nothing could be stopped and so nothing is begun.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        raise TooLong
    if seconds <= 0:
        raise TooLong
    depth = len(_deadlines)
    before = signal.signal(signal.SIGALRM, _look_at_the_clock)
    start = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        try:
            _deadlines.append(start + seconds)
            return make(*arguments)
        finally:
            del _deadlines[depth:]
    except TooLong:
        del _deadlines[depth:]  # the signal may have come in the line above
        raise
    finally:
        if left:
            left = max(0.001, left - (time.monotonic() - start))
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, before)


class Budget:
    """The time and the size that the texts and the pictures of one page may take together."""

    def __init__(self, seconds: float = PAGE_SECONDS) -> None:
        self.end = time.monotonic() + seconds
        self.characters = PAGE_CHARACTERS
        self.image_bytes = PAGE_IMAGE_BYTES

    def text(self, text: Any) -> str:
        """A text of a notebook as far as there is room for it."""
        text = text if isinstance(text, str) else str(text)
        if len(text) > min(2 * SIZE, self.characters):
            shown = min(SIZE, self.characters)
            text = f"{text[:shown]}\n[{len(text) - shown:,} more characters are left out.]"
        self.characters = max(0, self.characters - len(text))
        return text

    def picture(self, data: Any) -> bool:
        """Whether this is a picture in base64 that there is room for."""
        if not isinstance(data, str) or len(data) > self.image_bytes or not is_image(data):
            return False
        self.image_bytes -= len(data)
        return True

    def render(self, text: str, make: Callable[[str], str], plain: Callable[[str], str]) -> str:
        """`make` of a text or, if that takes too much, `plain` of it."""
        if len(text) > SIZE:
            left_out = f"[{len(text) - SIZE:,} more characters are left out.]"
            return plain(f"{text[:SIZE]}\n{left_out}")
        try:
            page = within(min(SECONDS, self.end - time.monotonic()), make, text)
            if len(page) <= self.characters and _depth(page) <= DEPTH:
                self.characters -= len(page)
                return page
            reason = "it would be too large"
        except TooLong:
            reason = "it takes too long"
        except Exception as error:
            reason = type(error).__name__
        return plain(f"{text}\n[Shown as it was written; rendering stopped:  {reason}.]")


def _depth(page: str) -> int:
    depth = deepest = 0
    for tag in re.finditer(r"<(/?)([a-z]\w*)", page):
        if tag[2] not in ("br", "hr", "img"):
            depth += -1 if tag[1] else 1
            deepest = max(deepest, depth)
    return deepest


def preformatted(text: str) -> str:
    """A text as it was written."""
    return f"<pre>{html.escape(text)}</pre>"


def without_colors(text: str) -> str:
    """A text of a terminal as it was written, for inside of `pre`."""
    return html.escape(re.sub(r"\x1b\[[0-9;]{0,20}[@-~]", "", text))


def colored(text: str) -> str:
    """A text of a terminal, with its colors."""
    if text.count("\x1b") > 5000:
        raise ValueError("more than 5000 changes of color")
    return str(ansi2html(text))


def code(source: str) -> str:
    """Python with its colors; the notebook's own word on its language is not asked."""
    return str(Highlight2HTML(pygments_lexer="ipython3")(source, metadata={}))


# -- Markdown and HTML -----------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAGS = _words("""
    p h1 h2 h3 h4 h5 h6 a em strong b i u s del ins sub sup small mark kbd br hr ul ol li dl dt dd
    blockquote pre code span div img details summary table caption thead tbody tfoot tr th td""")
CLASSES = frozenset(STANDARD_TYPES.values()) | {"highlight", "dataframe"}
_CSS = CSSSanitizer(allowed_css_properties=["text-align"])  # what Markdown's tables use
_FILE = re.compile(r"(?!.*\.\.)\w[\w .-]{0,100}(/\w[\w .-]{0,100}){0,5}\.(png|jpe?g|gif)", re.I)
_LINK = re.compile(r"https?://|mailto:|#[\w-]*$", re.I)
_DATA = re.compile(r"data:image/(png|jpeg|gif);base64,")


def _is_harmless(formula: str, tag: str, name: str, value: str) -> bool:
    """No image is fetched from elsewhere, no link runs anything, no style leaves its place."""
    if name == "class":
        return value == formula or CLASSES.issuperset(value.split())
    if name == "src":
        data = _DATA.match(value)
        return is_image(value[data.end() :]) if data else _FILE.fullmatch(value) is not None
    if name == "href":
        return _LINK.match(value) is not None
    if name in ("colspan", "rowspan", "width", "height"):
        return tag in ("img", "th", "td") and re.fullmatch(r"\d{1,4}", value) is not None
    if name == "style":
        return re.fullmatch(r"text-align: ?(left|right|center);?", value.strip()) is not None
    return name in ("alt", "title")


def _clean(page: str, formula: str = "", strip: bool = False) -> str:
    is_harmless = functools.partial(_is_harmless, formula)
    schemes = ["http", "https", "mailto", "data"]
    page = clean(page, TAGS, is_harmless, schemes, strip=strip, css_sanitizer=_CSS)
    # no attribute's value holds a <, so these are tags
    page = re.sub(r'<img(?![^>]* src=")[^>]*>', "[a picture that is not shown]", page)
    return re.sub('<a (?=href="[hm])', '<a rel="noopener noreferrer" target="_blank" ', page)


class _Renderer(IPythonRenderer):
    """nbconvert's renderer with formulas marked by a secret class, to be found after cleaning."""

    def __init__(self, attachments: dict, formula: str) -> None:
        super().__init__(escape=False, attachments=attachments, exclude_anchor_links=True)
        self.formula = formula

    def block_math(self, body: str) -> str:
        return self._marked(f"$${body}$$")

    def inline_math(self, body: str) -> str:
        return self._marked(f"${body}$")

    def latex_environment(self, name: str, body: str) -> str:
        return self._marked(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def _marked(self, tex: str) -> str:
        return f'<span class="{self.formula}">{html.escape(tex, quote=False)}</span>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.startswith("attachment:"):
            bundle = self.attachments.get(url.removeprefix("attachment:"), {})
            url = next((f"data:{kind};base64,{data}" for kind, data in bundle.items()), "")
        return super().image(text, url, title)

    def task_list_item(self, text: str, checked: bool = False) -> str:
        return f"<li>{'☑' if checked else '☐'} {text}</li>\n"


def markdown(source: str, attachments: dict | None = None) -> str:
    """Markdown as HTML, in which only harmless tags and attributes are left.

    To sanitize what was rendered, not the source, keeps formulas and code as they were written.
    """
    formula = f"formula-{secrets.token_hex(8)}"
    page = MarkdownWithMath(_Renderer(attachments or {}, formula)).render(source)
    page = _clean(page, formula)
    page = page.replace("<table>", '<table class="table table-condensed">')  # the page's own style
    marked = rf'<span class="{formula}">([^<]*)</span>'
    return re.sub(marked, lambda found: math(html.unescape(found[1])), page)


def output_html(page: str) -> str:
    """HTML of an output, such as a data frame's table, reduced to what is harmless."""
    page = re.sub(r"<(style|script)\b.*?</\1\s*>", "", page, flags=re.I | re.S)
    return _clean(page, strip=True)


def is_image(data: Any) -> bool:
    """Whether this is a picture of moderate size, in base64 and in a format that cannot run."""
    if not isinstance(data, str) or len(data) > IMAGE_BYTES:
        return False
    try:
        content = base64.b64decode(re.sub(r"\s", "", data), validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF")) as image:
            return image.width * image.height <= IMAGE_PIXELS
    except Exception:
        return False


# -- Formulas --------------------------------------------------------------------------------------

MATHML = _words("""
    math mrow mi mn mo mtext mspace mstyle mphantom mpadded menclose msub msup msubsup munder mover
    munderover mmultiscripts mprescripts none mfrac msqrt mroot mtable mtr mtd""")
MATHML_ATTRIBUTES = _words("""
    display stretchy fence form separator minsize maxsize movablelimits mathvariant accent
    accentunder linethickness width linebreak displaystyle scriptlevel mathcolor columnalign
    rowspacing columnspacing notation""")
_LENGTH = r"(\d{1,2}|\d?\.\d{1,3})(em|ex|pt|mu)?"
_VALUE = re.compile(rf"#\w{{3,6}}|[a-z]{{1,15}}|-?{_LENGTH}( {_LENGTH}){{0,9}}")


def math(tex: str) -> str:
    """A formula as MathML, which browsers show without a script; what that lacks is left as TeX."""
    body = re.sub(r"^\${1,2}|\${1,2}$", "", tex.strip())
    body = re.sub(r"(\\(?:begin|end)\{)aligned\}", r"\1align*}", body)
    inline = body == tex.strip()[1:-1]
    try:
        formula = convert_to_element(body, display="inline" if inline else "block")
        return _mathml(formula, 0)
    except Exception:
        return html.escape(tex, quote=False)


def _mathml(element: Element, depth: int) -> str:
    """An element of latex2mathml, whose texts and attributes may hold anything."""
    text = html.unescape(element.text or "")
    if element.tag not in MATHML or depth > DEPTH or "\\" in text or text == "&":
        raise ValueError(f"no formula: {element.tag} {text:.20}")
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if name in MATHML_ATTRIBUTES and _VALUE.fullmatch(value)
    )
    inside = "".join(_mathml(child, depth + 1) for child in element)
    return f"<{element.tag}{attributes}>{html.escape(text)}{inside}</{element.tag}>"
