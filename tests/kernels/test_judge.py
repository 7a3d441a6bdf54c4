"""What the judge takes for an answer of the student's kernel."""

from __future__ import annotations

import os
from itertools import repeat

import pytest

from autograder.kernels import judge


class Kernel:
    """A client of a kernel that gives these answers, one after another; errors are raised."""

    def __init__(self, answers):
        self.answers = iter(answers)

    def execute(self, code, **options):
        return "ours"

    def get_shell_msg(self, timeout):
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ask(answers, seconds=20):
    judge._start_clock(seconds)
    return judge._ask(Kernel(answers), os.getpid(), "{}")


def reply(text, request="ours"):
    expressions = {"answer": {"data": {"text/plain": repr(text)}}}
    return {"parent_header": {"msg_id": request}, "content": {"user_expressions": expressions}}


HALF = [ValueError("Invalid Signature"), TypeError("malformed message"), KeyError("header")]


@pytest.mark.parametrize("error", HALF, ids=repr)
def test_half_a_message_before_an_answer_is_passed_over(error):
    assert ask([error, reply("5")]) == "5"
    assert ask([reply("4", "of an earlier request"), error, reply("5")]) == "5"


@pytest.mark.parametrize("error", HALF, ids=repr)
def test_half_messages_without_end_are_no_answer(error):
    with pytest.raises(judge.NoAnswerError, match="endless loop"):
        ask(repeat(error), seconds=0.1)
