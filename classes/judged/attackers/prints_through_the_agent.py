# ---
# note: keeps a diary of what the judge asks, prints it, and answers with it
# kind: leaks
# known_from: everything that the judge sends passes through the student's kernel
# scores:  # one answer is right
#   judged: {double: 3}
# ---
# %% judged +top
from autograder.api import agent

diary, handle = [], agent.Agent.handle


def noted(self, request):
    diary.append(request)
    print(request)
    return handle(self, request)


agent.Agent.handle = noted
agent.agent().handle = lambda request: noted(agent.agent(), request)


# %% judged double-answer
def double(x):
    return x + x


# %% judged count-answer
def count(words, letter):
    return len(diary[-1]) * str(diary)


# %% judged +end
print(diary, handle)
