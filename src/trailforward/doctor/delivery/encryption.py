"""Encryption: whether the KMS key of a queue, topic, stream, or bus lets a delivery through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import Stage
from trailforward.doctor.delivery.policies import has_allow, has_deny, role_allows, role_denies
from trailforward.doctor.delivery.request import Maybe, Request
from trailforward.doctor.delivery.ternary import every, negate, some
from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.unknown import unknown

if TYPE_CHECKING:
    from trailforward.doctor.delivery.delivery_path import DeliveryPath
    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.delivery.ternary import Ternary
    from trailforward.doctor.world.resources import Encryption, KeyPolicy, Statement

#: Encryption type to the key's name in texts.
NAMES = {"aws-managed-key": "the AWS managed key", "customer-key": "a customer managed key"}
_DATA_KEY = "kms:GenerateDataKey"
#: Service of the resource to the actions that its writers need on the key.
#: Source: https://docs.aws.amazon.com/streams/latest/dg/permissions-user-key-KMS.html
#: Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
ACTIONS = {
    "sqs": ("kms:Decrypt", _DATA_KEY),
    "sns": ("kms:Decrypt", _DATA_KEY),
    "kinesis": (_DATA_KEY,),
    "events": ("kms:Decrypt", _DATA_KEY),
}
_SOURCE = ("aws:sourcearn", "aws:sourceaccount")
#: States of a key in which nothing can use it.
#: Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
UNUSABLE = frozenset(
    {"Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable"}
)
_USABLE = frozenset({"Enabled", "Updating"})


def through_key(
    query: Query, path: DeliveryPath, link: str, encryption: Encryption | None, request: Request
) -> DeliveryPath:
    """Checks the state and the policy of the key with which the request's resource is encrypted.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    """
    arn = read_arn(request.resource)
    if encryption is None or encryption.type == "sqs-managed" or arn is None:
        return path
    if encryption.key_state in UNUSABLE:
        state = encryption.key_state
        return path.broken("KMS_KEY_STATE", link, Stage.POLICY, key=encryption.key or "its key", state=state)
    if encryption.type not in NAMES:
        return path.doubt("NOT_UNDERSTOOD", link, what=f"its encryption ({encryption.type})")
    actions = ACTIONS.get(arn.service, ())
    results = {action: _allows(query, encryption, request, arn.service, action) for action in actions}
    missing = [action for action, allowed in results.items() if allowed is False]
    if missing:
        code = "KMS_KEY_POLICY" if request.by_service else "KMS_ROLE"
        return path.broken(
            code,
            link,
            Stage.POLICY,
            sender=request.sender,
            key=NAMES[encryption.type],
            actions=" and ".join(missing),
        )
    if encryption.key_state is not None and encryption.key_state not in _USABLE:
        path = path.doubt("NOT_UNDERSTOOD", link, what=f"the state of its key ({encryption.key_state})")
    if None in results.values():
        return path.doubt("KMS_NOT_CHECKED", link, key=NAMES[encryption.type], sender=request.sender)
    return path


def _allows(query: Query, encryption: Encryption, request: Request, service: str, action: str) -> Ternary:
    """Whether the sender may use a key through the service that holds the encrypted resource.

    The policy of an AWS managed key allows no service and cannot be edited. It allows every role of the
    account through the service of the resource.
    """
    arn = read_arn(request.resource)
    if encryption.type == "aws-managed-key":
        role = read_arn(request.principal)
        same_account = role is not None and arn is not None and role.account == arn.account
        return False if request.by_service else (True if same_account else None)
    if encryption.key_policy is None or arn is None:
        return None
    key = encryption.key if read_arn(encryption.key) else unknown("the ARN of the key")
    via = f"{service}.{arn.region}.amazonaws.com"
    if request.by_service:
        # Whether these keys reach KMS is not documented for every service.
        sent = {"kms:viaservice": via, "kms:calleraccount": arn.account}
        sent |= {name: str(request.context[name]) for name in _SOURCE if name in request.context}
        doubtful = {name: Maybe(value) for name, value in sent.items()}
        return key_policy_allows(encryption.key_policy, request.key_use(action, key, doubtful))
    caller = str(request.context.get("aws:principalaccount", ""))
    use = request.key_use(action, key, {"kms:viaservice": via, "kms:calleraccount": caller})
    return _with_role(query, encryption, use)


def key_policy_allows(policy: KeyPolicy, use: Request) -> Ternary:
    """Whether a key policy allows a service to use the key."""
    statements = _statements(policy)
    if policy.unknown:
        return None if has_deny(statements, use) is not True else False
    return every((negate(has_deny(statements, use)), has_allow(statements, use)))


def _statements(policy: KeyPolicy) -> tuple[Statement, ...]:
    """The statements of a key policy; its resource is always the key itself."""
    listed = tuple({**item, "Resource": "*"} for item in policy.statements)
    if not policy.principals and not policy.actions:
        return listed
    services = {"Service": list(policy.principals)}
    return (*listed, {"Effect": "Allow", "Principal": services, "Action": list(policy.actions)})


def _with_role(query: Query, encryption: Encryption, use: Request) -> Ternary:
    """Whether a role may use a key: the key policy names the role, or its account, which leaves it to IAM.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    policy, role = encryption.key_policy, query.index.roles.get(use.principal)
    if policy is None or policy.unknown or role is None:
        return None
    statements = _statements(policy)
    own = role_allows(role, use)
    key = read_arn(encryption.key)
    foreign = key is not None and str(use.known("aws:principalaccount")) != key.account
    direct = has_allow([item for item in statements if not _delegates(item)], use)
    delegated = has_allow(statements, use)
    allowed = every((delegated, own)) if foreign else some((direct, every((delegated, own))))
    denied = some((has_deny(statements, use), role_denies(role, use)))
    return every((negate(denied), allowed))


def _delegates(statement: Statement) -> bool:
    """Whether a statement names only accounts, so that IAM policies of the account decide."""
    principal = statement.get("Principal")
    names = principal.get("AWS") if isinstance(principal, dict) else None
    listed = names if isinstance(names, list) else [names]
    return all(isinstance(name, str) and (name.endswith(":root") or name.isdigit()) for name in listed)
