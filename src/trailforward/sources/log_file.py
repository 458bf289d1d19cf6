"""Reads the text of log files and of other files with events, for commands that read files themselves."""

from __future__ import annotations

from trailforward.sources._envelope import with_envelope
from trailforward.sources._gzip import inflate
from trailforward.sources._log_files import documents, records

__all__ = ["documents", "inflate", "records", "with_envelope"]
