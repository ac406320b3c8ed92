"""Tags: each AWS service has its own operations and its own notation for them.

``tags`` of an entry in the table names a kind: ``ec2:TYPE``, or a key of ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Tags = dict[str, str]
Values = dict[str, Any]
Document = dict[str, Any]


def pairs(tags: Mapping[str, str], *names: str) -> list[Document]:
    """Tags as a list of ``Key`` and ``Value``, or of the two fields in ``names``."""
    key, value = names or ("Key", "Value")
    return [{key: name, value: text} for name, text in tags.items()]


def to_map(tags: Any) -> Tags:
    """Tags as a map, from any notation of a service; without the tags that AWS sets."""
    if isinstance(tags, Mapping):
        by_name = {str(name): str(value) for name, value in tags.items()}
    else:
        by_name = {
            str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value", "")))
            for tag in tags or ()
        }
    return {name: value for name, value in by_name.items() if not name.startswith("aws:")}


@dataclass(frozen=True, slots=True)
class Kind:
    """The operations of a service on tags.

    ``parameters`` returns the parameters of a create. ``read`` takes (client, document, state) and
    returns all tags. ``put`` and ``drop`` take (client, state, tags or names) and change them.
    """

    parameters: Callable[[Mapping[str, str]], Document]
    read: Callable[[Any, Document, Values], Any]
    put: Callable[[Any, Values, Tags], Any]
    drop: Callable[[Any, Values, list[str]], Any]


def _tag_list(tags: Mapping[str, str]) -> Document:
    return {"Tags": pairs(tags)}


def _ec2(resource: str) -> Kind:
    return Kind(
        lambda tags: {"TagSpecifications": [{"ResourceType": resource, "Tags": pairs(tags)}]},
        lambda _, document, __: document.get("Tags"),
        lambda client, state, tags: client.create_tags(Resources=[state["id"]], Tags=pairs(tags)),
        lambda client, state, names: client.delete_tags(
            Resources=[state["id"]], Tags=[{"Key": name} for name in names]
        ),
    )


def _bucket_tags(client: Any, name: str) -> Tags:
    try:
        return to_map(client.get_bucket_tagging(Bucket=name)["TagSet"])
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}


def _put_bucket(client: Any, state: Values, tags: Tags) -> None:
    merged = {**_bucket_tags(client, state["id"]), **tags}
    client.put_bucket_tagging(Bucket=state["id"], Tagging={"TagSet": pairs(merged)})


def _drop_bucket(client: Any, state: Values, names: list[str]) -> None:
    remaining = {k: v for k, v in _bucket_tags(client, state["id"]).items() if k not in names}
    client.put_bucket_tagging(Bucket=state["id"], Tagging={"TagSet": pairs(remaining)})


def _object_tags(client: Any, state: Values) -> Tags:
    answer = client.get_object_tagging(Bucket=state["bucket"], Key=state["key"])
    return to_map(answer["TagSet"])


def _put_object(client: Any, state: Values, tags: Tags) -> None:
    client.put_object_tagging(
        Bucket=state["bucket"],
        Key=state["key"],
        Tagging={"TagSet": pairs({**_object_tags(client, state), **tags})},
    )


def _drop_object(client: Any, state: Values, names: list[str]) -> None:
    remaining = {k: v for k, v in _object_tags(client, state).items() if k not in names}
    client.put_object_tagging(
        Bucket=state["bucket"], Key=state["key"], Tagging={"TagSet": pairs(remaining)}
    )


def _nothing(_tags: Mapping[str, str]) -> Document:
    return {}


def _arn(state: Values) -> str:
    return str(state.get("arn") or state["id"])


KINDS: Mapping[str, Kind] = {
    "elbv2": Kind(
        _tag_list,
        lambda client, _, state: client.describe_tags(ResourceArns=[state["id"]])[
            "TagDescriptions"
        ][0]["Tags"],
        lambda client, state, tags: client.add_tags(ResourceArns=[state["id"]], Tags=pairs(tags)),
        lambda client, state, names: client.remove_tags(ResourceArns=[state["id"]], TagKeys=names),
    ),
    # RDS and ElastiCache.
    "named": Kind(
        _tag_list,
        lambda client, _, state: client.list_tags_for_resource(ResourceName=state["arn"])[
            "TagList"
        ],
        lambda client, state, tags: client.add_tags_to_resource(
            ResourceName=state["arn"], Tags=pairs(tags)
        ),
        lambda client, state, names: client.remove_tags_from_resource(
            ResourceName=state["arn"], TagKeys=names
        ),
    ),
    "ecs": Kind(
        lambda tags: {"tags": pairs(tags, "key", "value")},
        lambda client, _, state: client.list_tags_for_resource(resourceArn=_arn(state))["tags"],
        lambda client, state, tags: client.tag_resource(
            resourceArn=_arn(state), tags=pairs(tags, "key", "value")
        ),
        lambda client, state, names: client.untag_resource(resourceArn=_arn(state), tagKeys=names),
    ),
    "iam": Kind(
        _tag_list,
        lambda client, _, state: client.list_role_tags(RoleName=state["id"])["Tags"],
        lambda client, state, tags: client.tag_role(RoleName=state["id"], Tags=pairs(tags)),
        lambda client, state, names: client.untag_role(RoleName=state["id"], TagKeys=names),
    ),
    "secret": Kind(
        _tag_list,
        lambda _, document, __: document.get("Tags"),
        lambda client, state, tags: client.tag_resource(SecretId=state["id"], Tags=pairs(tags)),
        lambda client, state, names: client.untag_resource(SecretId=state["id"], TagKeys=names),
    ),
    "logs": Kind(
        lambda tags: {"tags": dict(tags)},
        lambda client, _, state: client.list_tags_log_group(logGroupName=state["id"])["tags"],
        lambda client, state, tags: client.tag_log_group(logGroupName=state["id"], tags=tags),
        lambda client, state, names: client.untag_log_group(logGroupName=state["id"], tags=names),
    ),
    "scaling": Kind(
        lambda tags: {"Tags": dict(tags)},
        lambda client, _, state: client.list_tags_for_resource(ResourceARN=state["arn"])["Tags"],
        lambda client, state, tags: client.tag_resource(ResourceARN=state["arn"], Tags=tags),
        lambda client, state, names: client.untag_resource(ResourceARN=state["arn"], TagKeys=names),
    ),
    "bucket": Kind(
        _nothing,
        lambda client, _, state: _bucket_tags(client, state["id"]),
        _put_bucket,
        _drop_bucket,
    ),
    "object": Kind(
        _nothing,
        lambda client, _, state: _object_tags(client, state),
        _put_object,
        _drop_object,
    ),
}
# Kinds for which a create takes no tags.
TAGGED_AFTER_CREATE = ("bucket",)


def kind(name: str) -> Kind:
    """The kind with a name of the table; ``ec2:TYPE`` has the resource type of EC2."""
    service, _, resource = name.partition(":")
    return _ec2(resource) if service == "ec2" else KINDS[service]


def split(tags: Tags, before: Any, defaults: Mapping[str, str]) -> tuple[Tags | None, Tags]:
    """The values of ``tags`` and ``tags_all``.

    A tag of the provider's ``default_tags`` belongs to ``tags`` only if the prior ``tags`` has it.
    """
    prior = before if isinstance(before, Mapping) else {}
    resource_tags = {k: v for k, v in tags.items() if k in prior or defaults.get(k) != v}
    return (resource_tags if resource_tags or before is not None else None), tags
