"""trailforward in a function of one's own."""

import trailforward

forwarder = trailforward.Forwarder.from_env()


def handler(event, context):
    return forwarder.handle(event, context)
