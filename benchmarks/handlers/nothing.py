"""What the runtime client itself costs."""


def handler(event, context):
    pass
