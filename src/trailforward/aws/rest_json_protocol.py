"""AWS's REST protocol with JSON bodies: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html.

A label in the service's path is a parameter, and so is each header in ``_HEADERS``. The other parameters are
the body: as JSON, except that Invoke's is ``Payload`` as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.aws import json_protocol
from trailforward.aws.json_protocol import parsed_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.direct import Service
    from trailforward.transport.connections import Response

#: Parameter → the header that it is sent in.
_HEADERS = {"InvocationType": "X-Amz-Invocation-Type"}
#: The parameter that is a body of any bytes.
_PAYLOAD = "Payload"
#: Operations whose request is the payload, and whose response is a status.
_OF_PAYLOAD = frozenset({"Invoke"})


def request(service: Service, name: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """Path, required headers without the signature, and body of a request."""
    path, rest = service.path, dict(parameters)
    if "{" in path:
        from urllib.parse import quote  # only Lambda has a label

        label = path.partition("{")[2].partition("}")[0]
        path = path.replace(f"{{{label}}}", quote(rest.pop(label), safe="-._~"))
    headers = {header: rest.pop(name) for name, header in _HEADERS.items() if name in rest}
    if name in _OF_PAYLOAD:
        return path, headers, rest.get(_PAYLOAD, b"")  # without a Content-Type, as botocore sends it
    return path, headers | {"Content-Type": "application/json"}, json_protocol.encode(rest)


def decode(name: str, response: Response) -> dict[str, Any] | None:
    """The result of a successful response; None if its body is unparseable."""
    return {"StatusCode": response.status} if name in _OF_PAYLOAD else parsed_object(response.body)


def error(response: Response) -> tuple[str, str]:
    """Code and message of an error response. The code is in a header or the body."""
    fields = parsed_object(response.body) or {}
    named = (fields.get(name) for name in ("__type", "code", "Code"))
    code = response.headers.get("x-amzn-errortype") or next(filter(None, named), response.status)
    return str(code).partition(":")[0], str(fields.get("message") or fields.get("Message") or "")
