"""The offline Google provider's create, read, update and delete, through Google's REST APIs.

It calls only endpoints that the provider block names (``compute_custom_endpoint`` and others), so
that no call reaches Google Cloud.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live.codec import Document, Values
from tests.harness.offline.live.google import codec
from tests.harness.offline.live.google.codec import Entry
from tests.harness.offline.protocol import cty
from tests.harness.offline.protocol.schema import Block
from tests.harness.unknown import UNKNOWN

TABLE = Path(__file__).parents[2] / "data" / "google.rest.yaml"
_POLL_SECONDS = 0.1
# The limit of a change. Source: the provider's documentation, timeouts; Cloud SQL's is the longest.
_OPERATION_SECONDS = 5400
_CALL_SECONDS = 60
# A policy is read, changed and written. Another client may write it in between.
_POLICY_ATTEMPTS = 20
# A policy of this version can have conditions.
_POLICY_VERSION = 3
_WITH_REPLICAS = "includeReplicasForMajorVersionUpgrade"
_REPLICAS = "include_replicas_for_major_version_upgrade"
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
# A session and a connection for each call take half of its time. An endpoint that a provider block
# names needs no proxy of the environment.
_session = requests.Session()
_session.trust_env = False


class RestError(RuntimeError):
    """A call failed or is not possible. ``state`` is the resource that exists nevertheless."""

    def __init__(self, message: str, status: int = 0, state: Values | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.state = state


@dataclass(frozen=True, slots=True)
class Call:
    """A type with its schema, its table entry, and the endpoint of its API."""

    type: str
    block: Block
    entry: Entry
    endpoint: str

    def send(
        self, method: str, path: str, document: Document | None = None, **query: Any
    ) -> Document:
        """Call the API; returns its answer.

        Raises:
            RestError: the API refused the call; the message is that of the provider.
        """
        url = path if path.startswith("http") else f"{self.endpoint}{path}"
        answer = _session.request(
            method, url, json=document, params=query or None, timeout=_CALL_SECONDS
        )
        if answer.status_code >= 400:
            raise RestError(message(answer), answer.status_code)
        content: Document = answer.json() if answer.content else {}
        return content

    def change(
        self, method: str, path: str, document: Document | None = None, **query: Any
    ) -> Document:
        """Call the API and wait until its operation is done; returns the operation's response.

        Raises:
            RestError: the API refused the call, or the operation failed.
        """
        return self.wait(self.send(method, path, document, **query))

    def wait(self, operation: Document) -> Document:
        """Poll an operation until it is done; returns its response.

        Raises:
            RestError: the operation failed.
        """
        if self.entry.operation == "none" and self.entry.call != "connection":
            return operation
        path = operation.get("selfLink") or operation["name"]
        deadline = time.monotonic() + _OPERATION_SECONDS
        while not (operation.get("done") or operation.get("status") == "DONE"):
            if time.monotonic() > deadline:
                raise RestError(f"timeout while waiting for {path}")
            time.sleep(_POLL_SECONDS)
            operation = self.send("GET", path)
        error = operation.get("error")
        if error:
            detail = error.get("errors", [error])[0]
            raise RestError(f"Error code {detail.get('code')}, message: {detail['message']}")
        answer: Document = operation.get("response", {})
        return answer


def message(answer: requests.Response) -> str:
    """The text of an error as the provider reports it."""
    try:
        error = answer.json()["error"]
        reason = next((entry.get("reason", "") for entry in error.get("errors", [])), "")
        return f"googleapi: Error {error['code']}: {error['message']}, {reason}"
    except (ValueError, KeyError):
        return f"googleapi: got HTTP response code {answer.status_code}: {answer.text[:300]}"


# ---- Create, read, update, delete ----


def new_call(type_name: str, block: Block, settings: Mapping[str, Any]) -> Call:
    """The table entry and the endpoint of a type.

    Raises:
        RestError: the table has no entry of the type, or the provider block has no endpoint.
    """
    entry = codec.table(TABLE).get(type_name)
    if entry is None:
        raise RestError(
            f"the offline provider cannot apply {type_name}: add it to "
            "tests/harness/offline/data/google.rest.yaml"
        )
    endpoint = settings.get(f"{entry.service}_custom_endpoint")
    if not endpoint:
        raise RestError(
            f"the offline provider does not call Google Cloud: set {entry.service}_custom_endpoint "
            f"in the provider block, which {type_name} needs"
        )
    return Call(type_name, block, entry, endpoint)


def create(call: Call, planned: Values, config: Values) -> Values:
    """Create a resource; returns its state.

    Raises:
        RestError: a call failed. ``state`` is set if the provider keeps the failed resource.
    """
    with _locked(call, planned):
        return _functions(call).create(call, planned, config)


def read(call: Call, state: Values) -> Values | None:
    """The current state of a resource; None if it does not exist."""
    try:
        return _functions(call).read(call, state)
    except RestError as error:
        if error.status == 404:
            return None
        raise


def update(call: Call, planned: Values, prior: Values, config: Values) -> Values:
    """Change a resource in place; returns its state.

    Raises:
        RestError: a call failed.
    """
    with _locked(call, planned):
        return _functions(call).update(call, planned, prior, config)


def delete(call: Call, prior: Values) -> None:
    """Delete a resource, unless its deletion_policy is ABANDON.

    Raises:
        RestError: the API or a protection of the provider refused the deletion.
    """
    policy = prior.get("deletion_policy")
    if policy == "ABANDON":
        return
    if policy == "PREVENT":
        raise RestError(f"cannot destroy {call.type}: its deletion_policy is PREVENT")
    if call.entry.protection and prior.get("deletion_protection"):
        raise RestError(call.entry.protection)
    with _locked(call, prior):
        try:
            _functions(call).delete(call, prior)
        except RestError as error:
            if error.status != 404:
                raise


@contextlib.contextmanager
def _locked(call: Call, values: Values) -> Iterator[None]:
    if not call.entry.lock:
        yield
        return
    with _locks[call.endpoint + call.entry.lock.format(**values)]:
        yield


# ---- A resource of a collection ----


def _query(entry: Entry, values: Values) -> dict[str, Any]:
    return {key: values[name] for key, name in entry.query.items()}


def _create(call: Call, planned: Values, _config: Values) -> Values:
    entry = call.entry
    document = codec.complete(entry, codec.encode(entry, call.block, planned), planned)
    if entry.wrap:
        beside = {key: planned[name] for key, name in entry.beside.items()}
        document = {**beside, entry.wrap: document}
    try:
        answer = call.change(
            "POST", entry.path.format(**planned), document, **_query(entry, planned)
        )
    except RestError as error:
        # The operation failed. Its resource, if it exists, stays in the state as tainted.
        if entry.taint and error.status == 0:
            error.state = read(call, planned)
        raise
    if entry.key not in planned or planned[entry.key] is UNKNOWN:
        planned = {**planned, entry.key: answer[entry.key]}
    if "labels" in entry.verbs and document.get("labels"):
        # The provider sets the labels again, because the API of some types ignores them at first.
        _set(call, entry.where(planned), "labels", document["labels"])
    return _read(call, planned)


def _set(call: Call, path: str, key: str, value: Any) -> None:
    """Change one field with the method of the API for it."""
    document: Document = {key: value}
    if key == "labels":
        document["labelFingerprint"] = call.send("GET", path).get("labelFingerprint")
    call.change("POST", f"{path}/{call.entry.verbs[key]}", document)


def _read(call: Call, state: Values) -> Values:
    entry = call.entry
    document = call.send("GET", entry.where(state))
    current = codec.decode(entry, call.block, codec.without_sent(entry, document), state)
    current["id"] = entry.id.format(**state) if entry.id else entry.where(state)
    return current


def _update(call: Call, planned: Values, prior: Values, _config: Values) -> Values:
    entry = call.entry
    after = codec.encode(entry, call.block, planned)
    before = codec.encode(entry, call.block, prior)
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    path = entry.where(prior)
    for key in [key for key in changed if key in entry.verbs]:
        _set(call, path, key, after.get(key))
    patched = [key for key in changed if key not in entry.verbs]
    if patched and entry.update == "none":
        raise RestError(f"{call.type}: {', '.join(patched)} cannot be changed in place")
    if patched and entry.mask:
        document = {key: after.get(key) for key in patched}
        call.change(entry.update, path, document, updateMask=",".join(patched))
    elif patched:
        call.change(entry.update, path, after)
    return _read(call, {**planned, "id": prior["id"]})


def _delete(call: Call, prior: Values) -> None:
    call.change("DELETE", call.entry.where(prior))


# ---- Service networking ----


def _connection_id(values: Values) -> str:
    return f"{quote(values['network'], safe='')}:{values['service']}"


def _connections(values: Values) -> str:
    return f"services/{values['service']}/connections"


def _create_connection(call: Call, planned: Values, _config: Values) -> Values:
    document = {
        "network": planned["network"],
        "reservedPeeringRanges": planned["reserved_peering_ranges"],
    }
    try:
        call.change("POST", _connections(planned), document)
    except RestError:
        # The connection of an earlier stack, which this one may take over.
        if not planned.get("update_on_creation_fail"):
            raise
        call.change("PATCH", f"{_connections(planned)}/-", document, force="true")
    return _read_connection(call, planned)


def _read_connection(call: Call, state: Values) -> Values:
    answer = call.send("GET", _connections(state), network=state["network"])
    if not answer.get("connections"):
        raise RestError(f"{state['network']} has no connection", 404)
    connection = answer["connections"][0]
    prior = cty.known(state)
    return {
        **prior,
        "peering": connection["peering"],
        "reserved_peering_ranges": connection["reservedPeeringRanges"],
        "id": _connection_id(state),
    }


def _update_connection(call: Call, planned: Values, _prior: Values, _config: Values) -> Values:
    document = {
        "network": planned["network"],
        "reservedPeeringRanges": planned["reserved_peering_ranges"],
    }
    call.change("PATCH", f"{_connections(planned)}/-", document, force="true")
    return _read_connection(call, planned)


def _delete_connection(call: Call, prior: Values) -> None:
    path = f"{_connections(prior)}/{prior['peering']}:deleteConnection"
    try:
        call.change("POST", path, {"consumerNetwork": prior["network"]})
    except RestError as error:
        raise RestError(
            f"Unable to remove Service Networking Connection, err: {error}", error.status
        ) from error


# ---- Cloud SQL's instances and users ----


def _read_instance(call: Call, state: Values) -> Values:
    addresses = call.send("GET", call.entry.where(state)).get("ipAddresses", [])
    by_type = {address["type"]: address["ipAddress"] for address in reversed(addresses)}
    return {
        **_read(call, state),
        "first_ip_address": addresses[0]["ipAddress"] if addresses else None,
        "private_ip_address": by_type.get("PRIVATE"),
        "public_ip_address": by_type.get("PRIMARY"),
    }


def _create_instance(call: Call, planned: Values, config: Values) -> Values:
    clones = known_items(planned.get("clone"))
    if clones:
        _clone(call, planned, clones[0])
    else:
        _create(call, planned, config)
    _restore(call, planned)
    return _read_instance(call, planned)


def _clone(call: Call, planned: Values, context: Values) -> None:
    """Clone an instance, then give it the planned settings."""
    source = call.entry.where({**planned, "name": context["source_instance_name"]})
    document = {"destinationInstanceName": planned["name"]}
    if context.get("point_in_time"):
        document["pointInTime"] = context["point_in_time"]
    call.change("POST", f"{source}/clone", {"cloneContext": document})
    document = codec.encode(call.entry, call.block, planned)
    call.change("PATCH", call.entry.where(planned), {"settings": document["settings"]})


def _restore(call: Call, planned: Values) -> None:
    """Restore the backup of the block, after a create and after each change of the block.

    Source: hashicorp/google, resource_sql_database_instance.go.
    """
    for context in known_items(planned.get("restore_backup_context")):
        document = {
            "backupRunId": str(context["backup_run_id"]),
            "instanceId": context.get("instance_id"),
            "project": context.get("project"),
        }
        path = f"{call.entry.where(planned)}/restoreBackup"
        call.change("POST", path, {"restoreBackupContext": document})


def _delete_instance(call: Call, prior: Values) -> None:
    description = prior.get("final_backup_description") or ""
    call.change("DELETE", call.entry.where(prior), None, finalBackupDescription=description)


def _update_instance(call: Call, planned: Values, prior: Values, config: Values) -> Values:
    version = planned["database_version"]
    if version != prior["database_version"]:
        # The provider changes the version alone. Source: resource_sql_database_instance.go, 7.46.0.
        upgrade = {"databaseVersion": version, _WITH_REPLICAS: bool(planned.get(_REPLICAS))}
        call.change("PATCH", call.entry.where(prior), upgrade)
        prior = {**prior, "database_version": version}
    _update(call, planned, prior, config)
    if planned.get("restore_backup_context") != prior.get("restore_backup_context"):
        _restore(call, planned)
    return _read_instance(call, planned)


def _create_user(call: Call, planned: Values, config: Values) -> Values:
    document = codec.encode(call.entry, call.block, planned)
    document["password"] = config.get("password_wo") or planned.get("password")
    call.change("POST", call.entry.path.format(**planned), document)
    return _read_user(call, planned)


def _read_user(call: Call, state: Values) -> Values:
    """A user by the list of users, which is what the provider reads."""
    users = call.send("GET", call.entry.path.format(**state)).get("items", [])
    user = next((user for user in users if user["name"] == state["name"]), None)
    if user is None:
        raise RestError(f"{call.entry.where(state)} does not exist", 404)
    current = codec.decode(call.entry, call.block, user, state)
    current["id"] = call.entry.id.format(**state)
    return current


def _update_user(call: Call, planned: Values, _prior: Values, config: Values) -> Values:
    password = config.get("password_wo") or planned.get("password")
    document = {"name": planned["name"], "password": password}
    path = call.entry.path.format(**planned)
    call.change("PUT", path, document, name=planned["name"])
    return _read_user(call, planned)


def _delete_user(call: Call, prior: Values) -> None:
    path = call.entry.path.format(**prior)
    try:
        call.change("DELETE", path, None, name=prior["name"])
    except RestError as error:
        raise RestError(
            f"Error, failed to delete user {prior['name']} in instance {prior['instance']}: "
            f"{error}",
            error.status,
        ) from error


# ---- Secret Manager's versions ----


def _create_version(call: Call, planned: Values, config: Values) -> Values:
    data: str = config.get("secret_data_wo") or planned["secret_data"]
    payload = {"data": base64.b64encode(data.encode()).decode()}
    version = call.send("POST", f"{planned['secret']}:addVersion", {"payload": payload})
    call.send("POST", f"{version['name']}:enable", {})
    return _read_version(call, {**planned, "name": version["name"]})


def _read_version(call: Call, state: Values) -> Values:
    version = call.send("GET", state["name"])
    if version["state"] == "DESTROYED":
        raise RestError(f"{state['name']} is destroyed", 404)
    return {
        **cty.known(state),
        "secret_data_wo": None,
        "id": version["name"],
        "name": version["name"],
        "version": version["name"].rsplit("/", 1)[-1],
        "create_time": version["createTime"],
        "enabled": version["state"] == "ENABLED",
    }


def _update_version(call: Call, planned: Values, prior: Values, _config: Values) -> Values:
    verb = "enable" if planned["enabled"] else "disable"
    call.send("POST", f"{prior['name']}:{verb}", {})
    return _read_version(call, {**planned, "name": prior["name"]})


def _delete_version(call: Call, prior: Values) -> None:
    if prior.get("deletion_policy") == "DISABLE":
        call.send("POST", f"{prior['name']}:disable", {})
    else:
        call.send("POST", f"{prior['name']}:destroy", {})


def access(settings: Mapping[str, Any], secret: str, version: str) -> tuple[str, str]:
    """The data of a secret version, and the name of the version.

    Raises:
        RestError: the version does not exist.
    """
    call = new_call("google_secret_manager_secret_version", Block({}, {}), settings)
    answer = call.send("GET", f"{secret}/versions/{version}:access")
    return base64.b64decode(answer["payload"]["data"]).decode(), answer["name"]


# ---- Members of policies ----


def _member_id(call: Call, values: Values) -> str:
    return f"{call.entry.path.format(**values)}/{values['role']}/{values['member']}"


def _policy(call: Call, values: Values) -> Document:
    path = call.entry.path.format(**values)
    if call.entry.service == "storage":
        return call.send("GET", f"{path}/iam", optionsRequestedPolicyVersion=_POLICY_VERSION)
    query: dict[str, Any] = {"options.requestedPolicyVersion": _POLICY_VERSION}
    return call.send("GET", f"{path}:getIamPolicy", **query)


def _write_policy(call: Call, values: Values, policy: Document) -> None:
    path = call.entry.path.format(**values)
    policy = {**policy, "version": _POLICY_VERSION}
    if call.entry.service == "storage":
        call.send("PUT", f"{path}/iam", policy)
    else:
        call.send("POST", f"{path}:setIamPolicy", {"policy": policy})


def _change_members(call: Call, values: Values, change: Callable[[list[str]], list[str]]) -> None:
    for attempt in range(_POLICY_ATTEMPTS):
        policy = _policy(call, values)
        bindings = {binding["role"]: binding["members"] for binding in policy.get("bindings", [])}
        bindings[values["role"]] = change(bindings.get(values["role"], []))
        policy["bindings"] = [
            {"role": role, "members": members} for role, members in bindings.items() if members
        ]
        try:
            _write_policy(call, values, policy)
        except RestError as error:
            if error.status != 409 or attempt == _POLICY_ATTEMPTS - 1:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _create_member(call: Call, planned: Values, _config: Values) -> Values:
    member = planned["member"]
    _change_members(
        call, planned, lambda members: members if member in members else [*members, member]
    )
    return _read_member(call, planned)


def _read_member(call: Call, state: Values) -> Values:
    policy = _policy(call, state)
    members = {binding["role"]: binding["members"] for binding in policy.get("bindings", [])}
    if state["member"] not in members.get(state["role"], []):
        raise RestError(f"{state['member']} does not have {state['role']}", 404)
    prior = cty.known(state)
    return {**prior, "etag": policy["etag"], "id": _member_id(call, state)}


def _delete_member(call: Call, prior: Values) -> None:
    _change_members(
        call, prior, lambda members: [member for member in members if member != prior["member"]]
    )


# ---- Cloud Storage ----


def _read_bucket(call: Call, state: Values) -> Values:
    bucket = _read(call, state)
    return {**bucket, "url": f"gs://{bucket['name']}", "self_link": bucket.get("self_link")}


def _create_bucket(call: Call, planned: Values, config: Values) -> Values:
    _create(call, planned, config)
    return _read_bucket(call, planned)


def _update_bucket(call: Call, planned: Values, prior: Values, config: Values) -> Values:
    _update(call, planned, prior, config)
    return _read_bucket(call, planned)


def _delete_bucket(call: Call, prior: Values) -> None:
    path = call.entry.where(prior)
    # A cache would prevent the deletion. An API without caches refuses the call.
    with contextlib.suppress(RestError):
        call.send("GET", f"{path}/anywhereCaches/")
    objects = call.send("GET", f"{path}/o", versions="true").get("items", [])
    if objects and not prior.get("force_destroy"):
        raise RestError(
            f"Error trying to delete bucket {prior['name']} containing objects without "
            "`force_destroy` set to true"
        )
    for item in objects:
        name = quote(item["name"], safe="")
        call.send("DELETE", f"{path}/o/{name}", generation=item["generation"])
    call.send("DELETE", path)


def _object_path(values: Values) -> str:
    return f"b/{values['bucket']}/o/{quote(values['name'], safe='')}"


def _create_object(call: Call, planned: Values, _config: Values) -> Values:
    # The path of an upload has another prefix than the other calls.
    url = f"{call.endpoint.removesuffix('storage/v1/')}upload/storage/v1/b/{planned['bucket']}/o"
    content: str = planned["content"]
    answer = _session.post(
        url,
        params={"uploadType": "media", "name": planned["name"]},
        data=content.encode(),
        headers={"Content-Type": planned.get("content_type") or "text/plain; charset=utf-8"},
        timeout=_CALL_SECONDS,
    )
    if answer.status_code >= 400:
        raise RestError(f"Error uploading object {planned['name']}: {message(answer)}")
    return _read_object(call, planned)


def _read_object(call: Call, state: Values) -> Values:
    document = call.send("GET", _object_path(state))
    prior = cty.known(state)
    digest = base64.b64decode(document["md5Hash"])
    changed = prior.get("md5hash") not in (None, document["md5Hash"])
    return {
        **prior,
        # If the content differs from the applied one, the next plan shows a change.
        "content": None if changed else prior["content"],
        "content_type": document["contentType"],
        "crc32c": document["crc32c"],
        "detect_md5hash": document["md5Hash"] if changed else prior["detect_md5hash"],
        "generation": int(document["generation"]),
        "md5hash": document["md5Hash"],
        "md5hexhash": digest.hex(),
        "media_link": document["mediaLink"],
        "output_name": document["name"],
        "self_link": document["selfLink"],
        "storage_class": document["storageClass"],
        "id": f"{document['bucket']}-{document['name']}",
    }


def _update_object(call: Call, planned: Values, _prior: Values, config: Values) -> Values:
    return _create_object(call, {**planned, "md5hash": None}, config)


def _delete_object(call: Call, prior: Values) -> None:
    call.send("DELETE", _object_path(prior))


def _not_in_place(call: Call, _planned: Values, _prior: Values, _config: Values) -> Values:
    raise RestError(f"{call.type} cannot be changed in place")


@dataclass(frozen=True, slots=True)
class _Functions:
    create: Callable[[Call, Values, Values], Values] = _create
    read: Callable[[Call, Values], Values] = _read
    update: Callable[[Call, Values, Values, Values], Values] = _update
    delete: Callable[[Call, Values], None] = _delete


_FUNCTIONS = {
    "": _Functions(),
    "bucket": _Functions(_create_bucket, _read_bucket, _update_bucket, _delete_bucket),
    "bucket_object": _Functions(_create_object, _read_object, _update_object, _delete_object),
    "connection": _Functions(
        _create_connection, _read_connection, _update_connection, _delete_connection
    ),
    "instance": _Functions(_create_instance, _read_instance, _update_instance, _delete_instance),
    "member": _Functions(_create_member, _read_member, _not_in_place, _delete_member),
    "secret_version": _Functions(_create_version, _read_version, _update_version, _delete_version),
    "user": _Functions(_create_user, _read_user, _update_user, _delete_user),
}


def _functions(call: Call) -> _Functions:
    return _FUNCTIONS[call.entry.call]
