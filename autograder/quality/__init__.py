"""Whether a course and its grader are right: sample classes, attackers, mutants, thresholds."""
