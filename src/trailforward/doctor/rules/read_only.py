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
    *("TestEventPattern", "Head", "Search"),
)
_WRITE_VERBS = (
    "Abort", "Accept", "Acknowledge", "Activate", "Add", "Advertise", "Allocate", "Apply", "Approve",
    "Archive", "Assign", "Associate", "Attach", "Authorize", "Bundle", "Cancel", "Change", "Claim",
    "Clone", "Close", "Commit", "Complete", "Confirm", "Continue", "Copy", "Create", "Deactivate",
    "Deauthorize", "Decline", "Decrease", "Define", "Delete", "Deploy", "Deprecate", "Deprovision",
    "Deregister", "Detach", "Disable", "Disassociate", "Disconnect", "Dissociate", "Enable", "Exit",
    "Extend", "Failover", "Finalize", "Flush", "Grant", "Import", "Increase", "Initiate", "Install",
    "Invite", "Issue", "Join", "Leave", "Link", "Lock", "Merge", "Modify", "Monitor", "Move", "Open",
    "Override", "Pause", "Promote", "Provision", "Publish", "Purchase", "Purge", "Put", "Reboot",
    "Rebuild", "Redeem", "Register", "Reject", "Release", "Remove", "Rename", "Renew", "Replace",
    "Replicate", "Request", "Resend", "Reset", "Resize", "Restart", "Restore", "Resume", "Resync",
    "Retire", "Retry", "Revoke", "Rollback", "Rotate", "Run", "Schedule", "Send", "Set", "Share",
    "Signal", "Split", "Start", "Stop", "Submit", "Subscribe", "Suspend", "Swap", "Switchover", "Tag",
    "Terminate", "Transfer", "Unarchive", "Unassign", "Undeprecate", "Unlink", "Unlock", "Unmonitor",
    "Unshare", "Unsubscribe", "Untag", "Update", "Upgrade", "Upload", "Withdraw",
)  # fmt: skip
#: What stands before the verb: ``BatchDeleteImage``, ``AdminGetUser``.
_BEFORE_THE_VERB = ("Batch", "Admin")
#: Names that begin with a verb of writing, and may be read-only.
_DOUBTFUL = frozenset({"StartQuery", "RunQuery", "CreateSession", "SubscribeToShard"})


def read_only(name: str) -> bool | None:
    """Whether the events of an operation are read-only; None if its name does not tell."""
    if name in _DISPUTED | _DOUBTFUL:
        return None
    if name.startswith(_BEFORE_THE_VERB):
        return read_only(name[len("Batch") :])
    if name.startswith((*READ_VERBS, *_UNUSUAL)):
        return True
    return False if name.startswith(_WRITE_VERBS) else None


def unusual_reader(name: str) -> bool:
    """Whether an operation is read-only although its name does not begin with Describe, Get, or List.

    AWS hints that rules in the state ``ENABLED`` may receive such events.
    """
    return read_only(name) is True and not name.startswith(READ_VERBS)
