"""``trailforward demo``: forwards CloudTrail events through a local AWS, and checks what arrives.

``run`` connects the modules. ``events`` has the events. ``local_aws``, ``throttle``, and ``receiver`` replace
AWS and the HTTP API. ``event_source_mapping`` replaces Lambda's poller. ``proof`` compares, ``output``
prints, and ``command`` finds the command for the user to try next.
"""
