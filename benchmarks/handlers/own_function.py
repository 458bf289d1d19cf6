"""trailforward in your own function."""

import trailforward

forwarder = trailforward.Forwarder.from_env()


def handler(event, context):
    return forwarder.handle(event, context)
