"""Settings: classes whose fields are the keys of one table, such as ``[sinks.NAME]``.

There are two ways to turn a table into an object. Values that already have the declared type take the fast
path (:func:`read_fast`). Everything else goes to Pydantic (``trailforward.settings.model``), which is
authoritative and reports every problem at once. Importing Pydantic is a large part of a cold start, so a
valid configuration must not import it.
"""

from trailforward.settings.base import Settings, fields
from trailforward.settings.fast import read_fast
from trailforward.settings.markers import Constraint, Converter, Tagged

__all__ = ["Constraint", "Converter", "Settings", "Tagged", "fields", "read_fast"]
