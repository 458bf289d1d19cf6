"""Any JSON in an event can be parsed, every helper property works, and nothing is lost."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.records import KINDS, dump, envelope, helpers, nested, text
from tests.support.depth import examples
from trailforward.models import EventBridgeEvent, Failure, LenientModel, SignInData, parse_record

KIND_NAMES = [*(record["eventType"] for record in KINDS), "AwsVpceEvents", "AwsFuture"]
TYPICAL_KEYS = [
    *(
        "Root",
        "true",
        "No",
        "Failure",
        "",
        "null",
        "userIdentity",
        "userIdentityArn",
        "arn:",
        "1.10",
        "UserName",
    ),
    *(
        "2026-03-01T08:30:05Z",
        "0001-01-01T00:00:00+23:59",
        "198.51.100.7",
        "AWS Internal",
        "\ud800",
        "MFAUsed",
    ),
]
KEYS = [key for key in TYPICAL_KEYS if key.isprintable()]  # dumps reject a lone surrogate in an unknown key
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(TYPICAL_KEYS)
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)


def models_in(annotation: Any) -> list[type[LenientModel]]:
    """The models in the annotation of a field."""
    if isinstance(annotation, type) and issubclass(annotation, LenientModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def shaped(model: type[LenientModel]) -> st.SearchStrategy[Any]:
    """Objects with the keys of a model, each value of the right type or of any other."""
    fields = {}
    for name, field in model.model_fields.items():
        value = json_values
        for inner in models_in(field.annotation):
            right = shaped(inner)
            value = right | st.lists(right, max_size=2) | value
        fields[field.alias or name] = value
    return st.fixed_dictionaries({}, optional=fields)


records = st.sampled_from(KIND_NAMES).flatmap(
    lambda kind: shaped(type(parse_record({"eventType": kind}))).map(
        lambda record: {**record, "eventType": kind}
    )
)
quick = settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def check(value: Any) -> None:
    """Parses, uses, and dumps one envelope."""
    event = EventBridgeEvent.model_validate(value)
    assert text(dump(event)) == text(value)
    for model in nested(event):
        for name, result in helpers(model).items():
            match name:
                case "actor" | "name" | "source_service":
                    assert result is None or (isinstance(result, str) and result)
                case "source_ip":
                    assert result is None or isinstance(result, (IPv4Address, IPv6Address))
                case "is_root":
                    assert isinstance(result, bool)
                case "mfa" | "is_read_only":
                    assert result is None or isinstance(result, bool)
                case "error":
                    assert result is None or (isinstance(result, Failure) and str(result))
                case _:
                    assert isinstance(result, SignInData)


@quick
@given(records)
def test_any_value_in_any_field(record: dict[str, Any]) -> None:
    """Records of every type may contain any JSON in any field, at any level."""
    check({"detail": record})


@quick
@given(st.sampled_from(KINDS), st.data())
def test_any_value_in_one_field(record: dict[str, Any], data: st.DataObject) -> None:
    """A valid record with one field replaced by any JSON loses nothing."""
    name = data.draw(st.sampled_from([name for name in record if name != "eventType"]))
    check(envelope({**record, name: data.draw(json_values)}))


@quick
@given(json_values)
def test_any_detail(detail: Any) -> None:
    """The detail may be any JSON."""
    check(envelope(detail))


@quick
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(envelope(None), json_values)))
def test_any_envelope(members: dict[str, Any]) -> None:
    """The fields of the envelope may be any JSON."""
    check({"detail": {}, **members})
