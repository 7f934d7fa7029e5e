"""Markup and scripts in outputs, in Markdown, and in an error's name and message.

The instructor opens the feedback in a browser that is logged in to formgrader. A script that
runs there grades, deletes and reads with the instructor's rights.
"""

EARNS = 10
REPORTED = False
STOCK = "reading pages is not part of what is run here"
SOLVED = ("receipt", "bucket", "deliver")
LAST = """
from IPython.display import HTML, SVG, Javascript, Markdown, display

display(Javascript("document.title = 'hostile'"))
display(HTML("<script>fetch('/formgrader')</script><img src=x onerror=alert(1)>"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"))
display(Markdown("[x](javascript:alert(1)) </pre></div></body>"))
print("</script><script>alert(1)</script> \\x1b[31m </pre>")
raise type("<img src=x onerror=alert(1)>", (Exception,), {})("<script>alert(1)</script>")
"""
