"""The minimal handler that forwards to an HTTP API: parse, join, one request per 500 events or 1 MB."""

import os
from http import HTTPStatus
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson

CHUNK = 500
CHUNK_BYTES = 1_000_000

target = urlsplit(os.environ["URL"])
connection = HTTPConnection(target.netloc)


def handler(event, context):
    if "Records" not in event:
        post([orjson.dumps(event)])
        return None
    chunk, size = [], 2
    for record in event["Records"]:
        raw = record["body"].encode()
        orjson.loads(raw)
        if len(chunk) == CHUNK or size + len(raw) + 1 > CHUNK_BYTES:
            post(chunk)
            chunk, size = [], 2
        chunk.append(raw)
        size += len(raw) + 1
    post(chunk)
    return {"batchItemFailures": []}


def post(chunk):
    connection.request("POST", target.path, b"[%b]" % b",".join(chunk), {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    if response.status != HTTPStatus.OK:
        raise RuntimeError("refused")
