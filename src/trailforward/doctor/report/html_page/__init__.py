"""HTML page: the report as one self-contained file.

``page`` fills in ``page.html`` with ``page.css`` and ``page.js``; ``grid``, ``cards`` and ``diagram`` each
render one part, from the pieces in ``markup``.
"""
