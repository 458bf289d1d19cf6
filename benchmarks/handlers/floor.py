"""The minimal handler that forwards to Kinesis: parse, base64, one signature and one request per chunk.

No retries, no error handling, no checks.
"""

import os
from binascii import b2a_base64
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CHUNK = 500
HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.PutRecords"}

url = os.environ["AWS_ENDPOINT_URL"] + "/"
stream = os.environ["STREAM"].encode()
signer = SigV4Auth(
    Credentials(
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
        os.environ["AWS_SESSION_TOKEN"],
    ),
    "kinesis",
    os.environ["AWS_REGION"],
)
connection = HTTPConnection(urlsplit(url).netloc)


def handler(event, context):
    if "Records" not in event:
        put([(event["id"], orjson.dumps(event))])
        return None
    events = []
    for record in event["Records"]:
        raw = record["body"].encode()
        events.append((orjson.loads(raw)["id"], raw))
    for start in range(0, len(events), CHUNK):
        put(events[start : start + CHUNK])
    return {"batchItemFailures": []}


def put(events):
    entries = [
        b'{"Data":"%b","PartitionKey":"%b"}' % (b2a_base64(raw, newline=False), ident.encode())
        for ident, raw in events
    ]
    body = b'{"StreamName":"%b","Records":[%b]}' % (stream, b",".join(entries))
    request = AWSRequest("POST", url, HEADERS, body)
    signer.add_auth(request)
    connection.request("POST", "/", body, dict(request.headers.items()))
    if orjson.loads(connection.getresponse().read())["FailedRecordCount"]:
        raise RuntimeError("refused")
