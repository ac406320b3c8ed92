"""Tags and labels: stack name, managed-by and the caller's tags on every taggable resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, judged
from tests.harness.hcl.functions import pattern
from tests.harness.offline.engine.values import at
from tests.harness.offline.protocol.schema import Block
from tests.harness.plan.view import UNKNOWN, Resource

# The attribute of the resource, or of one of its blocks: Cloud SQL has its labels in its settings.
# Google's tags are for conditions in policies and are no labels.
_ATTRIBUTE = {"aws": "tags", "gcp": "labels"}
_NESTED = ("user_labels",)

# Source: AWS, "Tag naming limits and requirements"; Amazon S3, "Categorizing your storage using
# tags" (10 on an object); Google Cloud, "Labels overview" (64 on a resource).
_MOST = {"aws": 50, "gcp": 64}
_MOST_BY_TYPE = {"aws_s3_object": 10}
_FORMS = {
    "aws": (r"^[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}$", r"^[\p{L}\p{Z}\p{N}_.:/=+@-]{0,256}$"),
    "gcp": (r"^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$", r"^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$"),
}
_RESERVED = {"aws": "aws:", "gcp": "goog"}

_IDENTITY = {"aws": "litellm:stack", "gcp": "litellm-stack"}
_CALLERS = {"aws": "tags", "gcp": "labels"}
# The only other tag: the name that the AWS console shows.
_BESIDE = {"aws": {"Name"}, "gcp": set[str]()}
# The attributes with all tags that the provider sends, including its defaults.
_EFFECTIVE = {"tags": "tags_all", "labels": "effective_labels"}


def _settable(block: Block, name: str) -> bool:
    attribute = block.attributes.get(name)
    return attribute is not None and attribute.optional


def path_of(block: Block, stack: str) -> str | None:
    """The dotted path of the attribute with the tags of a type; None without one."""
    if _settable(block, _ATTRIBUTE[stack]):
        return _ATTRIBUTE[stack]
    for outer, nested in block.blocks.items():
        for name in _NESTED:
            if _settable(nested.block, name):
                return f"{outer}.{name}"
    return None


def tagged(subject: Subject) -> Iterator[tuple[Resource, str]]:
    """The planned taggable resources, with the path of the attribute."""
    for resource in subject.plan.resources.values():
        schema = subject.schema.resources.get(resource.type)
        path = path_of(schema.block, subject.stack.name) if schema else None
        if path:
            yield resource, path


def untagged(subject: Subject) -> list[str]:
    """The types of the planned resources that cannot be tagged, one entry for each resource."""
    can = {resource.address for resource, _ in tagged(subject)}
    return [r.type for a, r in subject.plan.resources.items() if a not in can]


def expected(subject: Subject) -> dict[str, str]:
    """The tags that every resource must have."""
    name = f"{subject.inputs['tenant']}-litellm-{subject.inputs['env']}"
    stack = subject.stack.name
    own = {_IDENTITY[stack]: name, "managed-by": "terraform"}
    return {**own, **subject.value(_CALLERS[stack], {})}


def _found(resource: Resource, path: str) -> Any:
    outer, _, inner = path.rpartition(".")
    return at(resource.values, f"{outer}.0.{inner}" if outer else inner)


def _fits(subject: Subject, resource: Resource, tags: Mapping[str, str]) -> bool:
    stack = subject.stack.name
    key_form, value_form = (pattern(form) for form in _FORMS[stack])
    most = _MOST_BY_TYPE.get(resource.type, _MOST[stack])
    return len(tags) <= most and all(
        key_form.search(key)
        and value_form.search(value)
        and not key.lower().startswith(_RESERVED[stack])
        for key, value in tags.items()
    )


def _missing(clause: str, where: str, tags: Any, expected: Mapping[str, str]) -> Outcome:
    held = {} if tags is None else tags
    unexpected = (
        {}
        if held is UNKNOWN
        else {key: held.get(key) for key, value in expected.items() if held.get(key) != value}
    )
    return judged(
        clause, where, held, lambda: not unexpected, f"has {unexpected} where {expected} must be"
    )


def check(subject: Subject) -> Iterator[Outcome]:
    """Check the tags or labels of every resource that takes them."""
    stack = subject.stack.name
    whole = expected(subject)
    identity = _IDENTITY[stack]
    for resource, path in tagged(subject):
        tags = _found(resource, path)
        where = f"{resource.address} {path}"
        yield _missing("identity", where, tags, {identity: whole[identity]})
        yield _missing("managed-by", where, tags, {"managed-by": whole["managed-by"]})
        callers = subject.value(_CALLERS[stack], {})
        # S3 takes so few tags on an object that those of the caller may be left out.
        kept = len(whole) <= _MOST_BY_TYPE.get(resource.type, _MOST[stack])
        yield _missing("caller", where, tags, callers if kept else {})
        if tags is UNKNOWN or tags is None:
            continue
        beside = set(tags) - set(whole) - _BESIDE[stack]
        yield judged("nothing-else", where, tags, not beside, f"has {sorted(beside)} beside")
        fits = _fits(subject, resource, tags)
        yield judged("legal", where, tags, fits, f"{dict(tags)} is not what the cloud takes")


def defaults(subject: Subject, given: Mapping[str, str]) -> Iterator[Outcome]:
    """The outcomes on the provider's default tags: sent, and below those of the stack."""
    for resource, path in tagged(subject):
        effective = _EFFECTIVE.get(path)
        # An object takes ten tags, so the module leaves out those of the provider.
        if resource.type == "aws_s3_object":
            continue
        if effective and effective in resource.values:
            own = _found(resource, path) or {}
            sent = resource.values[effective]
            yield _missing("sent", f"{resource.address} {effective}", sent, {**given, **own})


CONTRACT = Contract(
    name="tags",
    claim="every taggable resource has the stack's name and the caller's tags",
    clauses={
        "identity": "every taggable resource has the name of the stack",
        "managed-by": "every taggable resource has managed-by",
        "caller": "every taggable resource has the caller's tags, which override the stack's",
        "nothing-else": "no resource has another tag, except the name that a console shows",
        "legal": "keys, values and their number are valid in the cloud",
    },
    check=check,
)
