"""A handler that does nothing, to measure the runtime client."""


def handler(event, context):
    pass
