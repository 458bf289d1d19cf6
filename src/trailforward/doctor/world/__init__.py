"""World: a snapshot of accounts, Regions, trails, buses, rules and targets, and the calls to check.

``world`` is the snapshot, ``resources`` and ``trails`` are its models, and ``unknown`` is text that stands
for a value that is not known; ``index`` makes look-ups fast. ``call`` is one API call, ``event_classes`` the
nine classes of events, and ``regions`` says where CloudTrail records a call. ``links`` names the places on an
event's path. ``policy_documents`` turns AWS's policy JSON into models.

This is the lowest layer of the doctor: it imports nothing from its other packages, and never calls AWS.
"""
