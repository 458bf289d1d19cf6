"""Receipts: what happened to each event at each sink, as NDJSON. See docs/receipts.md.

``line.py`` writes them, ``reader.py`` reads them. Neither needs the pipeline.
"""
