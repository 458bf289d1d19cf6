"""Shows events live: through temporary rules and queues in each Region, or from a queue or stream."""
