"""What handing in late costs, by nbgrader's late-submission plugin."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nbgrader.api import Assignment, SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Configurable


def of(
    submission: SubmittedAssignment, parent: Configurable
) -> Iterator[tuple[SubmittedNotebook, float | None]]:
    """Each notebook of a late submission and its penalty; None: the plugin gives none.

    `parent` has the configuration. The gradebook stays as it is.
    """
    late = AssignLatePenalties(parent=parent)
    late.init_plugin()
    seconds, student = submission.total_seconds_late, submission.student_id
    for notebook in submission.notebooks:
        penalty = late.plugin_inst.late_submission_penalty(student, notebook.score, seconds)
        yield notebook, None if penalty is None else late._check_late_penalty(notebook, penalty)


def renew(assignment: Assignment, parent: Configurable, but: Collection[str] = ()) -> list[str]:
    """Adapt penalties to points that were given since; the students whose penalty changed.

    Nobody's penalty is taken away where the plugin gives none: it may have been told so for one
    run. `but`: students who are left as they are. The caller saves.
    """
    changed: list[str] = []
    if assignment.duedate is None:
        return changed
    for submission in assignment.submissions:
        if submission.student_id in but or submission.total_seconds_late <= 0:
            continue
        for notebook, penalty in of(submission, parent):
            if penalty is not None and penalty != notebook.late_submission_penalty:
                notebook.late_submission_penalty = penalty
                changed.append(submission.student_id)
    return sorted(set(changed))
