"""Settings: classes whose fields are the keys of a table, such as one ``[sinks.NAME]``.

There are two ways from a table to an object. The plain one (:func:`plain`) reads what is plainly right. What
it is not sure of goes to Pydantic (``trailforward.settings.model``), which finds all that is wrong at once.
Pydantic is a good part of a cold start, so a right configuration does not import it.
"""

from trailforward.settings.base import Settings, fields
from trailforward.settings.markers import Constraint, Converter, Tagged
from trailforward.settings.plain import plain

__all__ = ["Constraint", "Converter", "Settings", "Tagged", "fields", "plain"]
