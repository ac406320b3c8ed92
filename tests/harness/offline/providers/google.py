"""The Google provider: derived labels, default project and region, secrets that are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.harness.offline.engine.values import at, known_items
from tests.harness.offline.live.google import crud
from tests.harness.offline.protocol.cty import is_known
from tests.harness.offline.protocol.diagnostics import Diagnostic, invalid
from tests.harness.offline.protocol.schema import Block
from tests.harness.offline.providers import ApplyError, Behaviour, Live, Settings
from tests.harness.unknown import UNKNOWN

# The provider adds this label to what it creates (add_terraform_attribution_label).
_ATTRIBUTION = {"goog-terraform-provisioned": "true"}
# The plan of these types does not show that label (recorded with 7.46.0 and 8.0.0).
_LABELLED_LATER = ("google_compute_global_forwarding_rule",)
# The write-only data of applied secret versions by secret id, which ephemeral resources read.
_stored: dict[str, str] = {}
# The data of a secret that no apply stored. A plan that holds it has leaked a secret.
MADE_UP_SECRET = "made-up-secret-data"  # noqa: S105


def _derive_labels(
    type_name: str,
    block: Block,
    config: dict[str, Any],
    planned: dict[str, Any],
    prior: dict[str, Any] | None,
    settings: Settings,
) -> None:
    labels = config.get("labels")
    if not is_known(labels):
        planned["terraform_labels"] = planned["effective_labels"] = UNKNOWN
        return
    attributed = settings.get("add_terraform_attribution_label") is not False
    attribution = _ATTRIBUTION if attributed and type_name not in _LABELLED_LATER else {}
    if prior is not None:
        prior_labels = prior.get("terraform_labels") or {}
        attribution = {key: value for key, value in attribution.items() if key in prior_labels}
    merged = {**(settings.get("default_labels") or {}), **attribution, **(labels or {})}
    for name in ("terraform_labels", "effective_labels"):
        if name in block.attributes:
            planned[name] = merged


def refine(
    type_name: str,
    block: Block,
    config: dict[str, Any],
    planned: dict[str, Any],
    prior: dict[str, Any] | None,
    settings: Settings,
) -> None:
    """Set derived labels, a service account's e-mail, and the provider's project and region."""
    if "effective_labels" in block.attributes and "labels" in block.attributes:
        _derive_labels(type_name, block, config, planned, prior, settings)
    for name in ("project", "region"):
        unset = config.get(name) is None and planned.get(name) is UNKNOWN
        if name in block.attributes and unset and settings.get(name):
            planned[name] = settings[name]
    if type_name == "google_service_account":
        parts = (planned["account_id"], planned["project"])
        if all(isinstance(part, str) for part in parts):
            # Known at plan since google 6.6 (magic-modules#11929).
            planned["email"] = "{}@{}.iam.gserviceaccount.com".format(*parts)
            planned["member"] = f"serviceAccount:{planned['email']}"


def _applied(type_name: str, config: dict[str, Any], state: dict[str, Any]) -> None:
    if type_name == "google_secret_manager_secret_version" and config.get("secret_data_wo"):
        _stored[_secret_id(state["secret"])] = config["secret_data_wo"]


def _secret_id(name: str) -> str:
    """The id of a secret, from its id or its full name."""
    return name.rsplit("/", 1)[-1]


def _secret_version(config: dict[str, Any], settings: Settings) -> dict[str, Any]:
    secret = config["secret"]
    if settings.get("secret_manager_custom_endpoint"):
        name = secret if "/" in secret else f"projects/{config['project']}/secrets/{secret}"
        data, version = crud.access(settings, name, config.get("version") or "latest")
        number = version.rsplit("/", 1)[-1]
        return {**config, "enabled": True, "name": version, "secret_data": data, "version": number}
    return {
        **config,
        "enabled": True,
        "name": f"{secret}/versions/{config.get('version') or 'latest'}",
        "secret_data": _stored.get(_secret_id(secret), MADE_UP_SECRET),
        "version": config.get("version") or "1",
    }


# Source: Compute Engine API, HttpRouteRuleMatch: precisely one of the four is set, and begins with
# "/". A template has at most 5 operators, and "**" is the last one (Envoy, UriTemplateMatchConfig).
_MATCHES = ("full_path_match", "prefix_match", "regex_match", "path_template_match")
_OPERATOR = re.compile(r"[*]+|[{][^{}]*[}]")


# The database engines that recover to a point in time with this argument.
_RECOVERABLE = ("POSTGRES", "SQLSERVER")
_RECOVERY = "settings.0.backup_configuration.0.point_in_time_recovery_enabled"


def _limits(type_name: str, config: dict[str, Any]) -> list[Diagnostic]:
    if type_name != "google_compute_url_map":
        return []
    return [
        Diagnostic(
            f'Invalid value for "{name}"',
            problem,
            ("path_matcher", i, "route_rules", j, "match_rules", k, name),
        )
        for i, matcher in enumerate(known_items(config.get("path_matcher")))
        for j, rule in enumerate(known_items(matcher.get("route_rules")))
        for k, match in enumerate(known_items(rule.get("match_rules")))
        for name, problem in _match_problems(match)
    ]


def _match_problems(match: dict[str, Any]) -> Iterator[tuple[str, str]]:
    given = {name: match[name] for name in _MATCHES if match.get(name) not in (None, "")}
    if len(given) != 1:
        yield "full_path_match", f"exactly one of {', '.join(_MATCHES)} must be set."
    for name, path in given.items():
        if is_known(path) and not str(path).startswith("/"):
            yield name, f'"{path}" must begin with "/".'
    template = given.get("path_template_match", "/")
    operators = _OPERATOR.findall(template) if is_known(template) else []
    if len(operators) > 5 or any(operator.startswith("**") for operator in operators[:-1]):
        problem = f'"{template}" must have at most 5 operators, with "**" only as the last.'
        yield "path_template_match", problem


def _check(type_name: str, config: dict[str, Any]) -> list[Diagnostic]:
    """What the provider checks between arguments when it plans (source of 7.46.0)."""
    if type_name == "google_compute_ssl_policy":
        features = config.get("custom_features")
        if config.get("profile") == "CUSTOM" and is_known(features) and not features:
            return [invalid(("profile",), "must not be CUSTOM without custom_features.")]
    if type_name == "google_sql_database_instance":
        engine = config.get("database_version")
        recovers = at(config, _RECOVERY) is True
        if recovers and is_known(engine) and not str(engine).startswith(_RECOVERABLE):
            text = f'must be of PostgreSQL or SQL Server with {_RECOVERY}; it is "{engine}".'
            return [invalid(("database_version",), text)]
    return []


def _change(
    type_name: str,
    block: Block,
    planned: dict[str, Any] | None,
    prior: dict[str, Any] | None,
    config: dict[str, Any],
    settings: Settings,
) -> dict[str, Any] | None:
    verb = "deleting" if planned is None else "creating" if prior is None else "updating"
    try:
        call = crud.new_call(type_name, block, settings)
        if planned is None:
            crud.delete(call, prior or {})
            return None
        if prior is None:
            return crud.create(call, planned, config)
        return crud.update(call, planned, prior, config)
    except crud.RestError as error:
        raise ApplyError(f"Error {verb} {type_name}: {error}", error.state) from error


def _read(
    type_name: str, block: Block, state: dict[str, Any], settings: Settings
) -> dict[str, Any] | None:
    try:
        return crud.read(crud.new_call(type_name, block, settings), state)
    except crud.RestError as error:
        raise ApplyError(f"Error when reading {type_name}: {error}") from error


BEHAVIOUR = Behaviour(
    live=Live(_change, _read),
    check=_check,
    limits=_limits,
    refine=refine,
    applied=_applied,
    ephemeral={"google_secret_manager_secret_version": _secret_version},
)
