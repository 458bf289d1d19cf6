"""``trailforward demo``: CloudTrail events through a local AWS to four destinations, with proof.

``play`` ties the parts together; ``story`` is the list of events; ``local_aws``, ``throttle`` and
``receiver`` are the stand-ins; ``mapping`` plays Lambda's part; ``proof`` compares; ``show`` draws.
"""
