# ---
# note: folders named like a classmate and like the grader's, with notebooks and grades in them
# kind: files
# known_from: collectors that go by folder names
# files:
#   honest/judged/judged.ipynb: "{}"
#   ../judged2.txt: x
#   autograded/honest/judged/judged.ipynb: "{}"
#   .grading-judged/x: x
#   gradebook.db: "not a database"
#   secret_seed: "0"
#   feedback/judged.html: <script>alert(1)</script>
# ---
# %% judged +end
pass
