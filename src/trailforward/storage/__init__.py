"""Lists and reads what is stored in a bucket or in a folder, in the same way.

::

    store = open_store(Location.parse("s3://example-trail/prefix"))
    for file in store.list("AWSLogs/"):
        data = store.read(file.key)
"""

from __future__ import annotations

from trailforward.storage.folder import FolderStore
from trailforward.storage.location import Location
from trailforward.storage.s3 import S3Store
from trailforward.storage.store import Store, StoredFile

__all__ = ["FolderStore", "Location", "S3Store", "Store", "StoredFile", "open_store"]


def open_store(location: Location) -> Store:
    """The store at a location.

    Raises:
        StorageError: the folder does not exist, or there are no AWS credentials.
        MissingExtraError: a bucket needs botocore for its credentials, and it is not installed.
    """
    return S3Store(location) if location.bucket else FolderStore(location)
