"""The report page: one self-contained HTML file without scripts, in the style of the doctor's page.

``page`` fills in ``page.html``; ``map``, ``strip``, ``cards``, and ``tables`` each render one part from the
pieces in ``markup``.
"""
