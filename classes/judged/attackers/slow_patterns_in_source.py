# ---
# note: source in which patterns for magics, marks of solutions and white space look for long
# kind: floods
# known_from: regular expressions that go back and forth
# harmful: it may take hours
# repeat:
#   double-answer: ["### BEGIN HIDDEN TESTS\n", 60000]
#   +top: [" \t", 500000]
#   +behind:double-answer: ["%%time %%time ", 100000]
#   +behind:count-answer: ["a=!?;", 200000]
#   +behind:longest-answer: ["'''\n\"\"\"", 100000]
#   +end: ["### BEGIN SOLUTION ### END SOLUTION", 60000]
# ---
# %% judged count-answer
pass
