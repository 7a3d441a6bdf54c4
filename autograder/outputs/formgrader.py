"""Formgrader shows student work next to the instructor's Jupyter API, so as harmless pages.

nbgrader's server extension trusts names, paths and files, and makes its pages itself. `install`
puts checks in front of it and `feedback.Page` in place of its exporter, in the server's process.
"""

from __future__ import annotations

import html
import os
import re
import sys
from pathlib import Path
from typing import Any

from nbgrader.coursedir import CourseDirectory

HANDLERS = "nbgrader.server_extensions.formgrader.handlers"
# A name in an address lands in formgrader's pages and in their scripts as it is.
_MARKUP = re.compile(r"[<>\"\\\x00-\x1f]")


def install() -> None:
    """Make formgrader safe to look at, where this process serves it."""
    handlers = sys.modules.get(HANDLERS)
    if handlers is None or hasattr(handlers.BaseHandler, "checked_by_autograder"):
        return  # nbgrader reads its configuration with each request
    handlers.BaseHandler.checked_by_autograder = True
    _check_names(handlers.BaseHandler)
    _escape_names(handlers.BaseHandler)
    _check_folder(handlers.FormgraderHandler)
    handlers.BaseHandler.exporter = property(_exporter)
    policy = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    handlers.SubmissionFilesHandler.content_security_policy = policy


def _exporter(handler: Any) -> Any:
    from autograder.outputs.feedback import Page  # here: other commands need not wait for it

    settings = handler.settings
    if not isinstance(settings["nbgrader_exporter"], Page):
        settings["nbgrader_exporter"] = Page(config=settings["nbgrader_formgrader"].config)
    return settings["nbgrader_exporter"]


def _check_names(base: Any) -> None:
    prepare = base.prepare

    async def prepare_checked(self: Any, **options: Any) -> None:
        from tornado import web

        for name in (*self.path_args, *self.path_kwargs.values()):
            if name and _MARKUP.search(name):
                raise web.HTTPError(
                    400, 'A name that contains < > " or \\ is not shown: rename it.'
                )
        await prepare(self, **options)

    base.prepare = prepare_checked


def _escape_names(base: Any) -> None:
    render = base.render

    def render_escaped(self: Any, template: str, **values: Any) -> str:
        if template == "formgrade_404.tpl":  # says which student's notebook is missing
            values["resources"] = {
                key: html.escape(value) if isinstance(value, str) else value
                for key, value in values["resources"].items()
            }
        return render(self, template, **values)

    base.render = render_escaped


def _check_folder(entry: Any) -> None:
    get = entry.get

    def get_checked(self: Any) -> Any:
        from tornado import web

        path = self.get_argument("path", "")
        if path and not is_a_course(path, self.coursedir):
            raise web.HTTPError(403, "This folder is not a course of yours: its code is not run.")
        return get(self)

    entry.get = get_checked


def is_a_course(path: str, course: CourseDirectory) -> bool:
    """Whether formgrader may open this folder, and with it run its nbgrader_config.py.

    A link in a submission can ask for any folder: not for one inside of a course or of what was
    handed in, nor for one that belongs to someone else.
    """
    folder = Path(path).resolve()
    root = Path(course.root).resolve()
    parts = (course.submitted_directory, course.autograded_directory, course.feedback_directory)
    taken = [root, *(Path(root, part).resolve() for part in parts)]
    if folder != root and any(folder.is_relative_to(place) for place in taken):
        return False
    me = getattr(os, "getuid", lambda: 0)()
    config = folder / "nbgrader_config.py"
    return folder.is_dir() and all(p.stat().st_uid == me for p in (folder, config) if p.exists())
