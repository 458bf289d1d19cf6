"""Read-only: whether CloudTrail calls an API operation read-only, by its name.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
(read-only events begin with Describe, Get, or List, except GetSessionToken and GetFederationToken) and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-management-event-list.html (exceptions).
"""

from __future__ import annotations

#: Read-only events begin with these, with few exceptions.
READ_VERBS = ("Describe", "Get", "List")
#: AWS says that these change something, although they begin with Get; their ``readOnly`` was never seen.
_DISPUTED = frozenset({"GetSessionToken", "GetFederationToken"})
#: Read-only events that begin with another verb.
_UNUSUAL = (
    *("AssumeRole", "Decrypt", "Encrypt", "GenerateDataKey", "LookupEvents", "SimulatePrincipalPolicy"),
    *("TestEventPattern", "Head", "BatchGet", "Search"),
)
_WRITE_VERBS = (
    *("Accept", "Add", "Allocate", "Apply", "Associate", "Attach", "Authorize", "Cancel", "Change", "Copy"),
    *("Create", "Deactivate", "Delete", "Deregister", "Detach", "Disable", "Disassociate", "Enable"),
    *(
        "Failover",
        "Import",
        "Invite",
        "Leave",
        "Modify",
        "Move",
        "Publish",
        "Purchase",
        "Put",
        "Reboot",
        "Register",
    ),
    *("Reject", "Release", "Remove", "Replace", "Reset", "Restore", "Resume", "Resync", "Revoke", "Rotate"),
    *("Run", "Schedule", "Send", "Set", "Start", "Stop", "Suspend", "Tag", "Terminate", "Unassign", "Untag"),
    *("Update", "Upload"),
)
#: Names that begin with a verb of writing, and may be read-only.
_DOUBTFUL = frozenset({"StartQuery", "RunQuery", "CreateSession"})


def read_only(name: str) -> bool | None:
    """Whether the events of an operation are read-only; None if its name does not tell."""
    if name in _DISPUTED | _DOUBTFUL:
        return None
    if name.startswith((*READ_VERBS, *_UNUSUAL)):
        return True
    return False if name.startswith(_WRITE_VERBS) else None


def unusual_reader(name: str) -> bool:
    """Whether an operation is read-only although its name does not begin with Describe, Get, or List.

    AWS hints that rules in the state ``ENABLED`` may receive such events.
    """
    return read_only(name) is True and not name.startswith(READ_VERBS)
