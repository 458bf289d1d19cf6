"""The audit, the backfill, and the repair as a Step Functions state machine: ``sam/audit.yaml``.

``function`` is the handler of both functions. ``check`` validates the input of an execution, ``lister``
writes the keys of the files, ``reading``, ``comparing``, ``explaining``, and ``reporting`` are the audit's
steps, and ``forwarding`` those of backfill and repair. ``folder`` keeps what they pass to each other in the
report bucket, because a state's input has at most 256 KiB.

Express child executions run at least once. Every step writes the same objects again if it is repeated.
"""
