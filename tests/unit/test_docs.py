"""Documents agree with the modules: tables, descriptions, shared files, formats."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.harness.cli import docs, examples
from tests.harness.cli.tables import Table
from tests.harness.hcl import declarations
from tests.harness.hcl.declarations import Output, Variable
from tests.harness.offline.catalogue import DATA, releases, schema_document
from tests.harness.offline.live.aws import codec
from tests.harness.paths import MODULES, ROOT
from tests.harness.schemas import rebuild
from tests.harness.stacks import CREDENTIALS, STACKS
from tests.harness.terraform import planning
from tests.harness.terraform.command import Terraform

AWS, GCP = STACKS["aws"].folder, STACKS["gcp"].folder
ROOTS = [
    folder
    for stack in STACKS.values()
    for folder in (stack.folder, *sorted((stack.folder / "examples").iterdir()))
]


def by_path(path: Path) -> str:
    return str(path.relative_to(MODULES))


@pytest.mark.parametrize("table", [*docs.tables()], ids=lambda table: table.mark.lower())
def test_generated_table_is_current(table: Table | examples.Written) -> None:
    assert table.path.read_text() == table.rendered(), "run `tox -e docs`"


@pytest.mark.parametrize("name", sorted(STACKS))
def test_default_example_passes_every_input(name: str) -> None:
    module = declarations.variables(STACKS[name].folder)
    root = declarations.variables(STACKS[name].folder / examples.FOLDER)
    assert root == module
    call = (STACKS[name].folder / examples.FOLDER / "main.tf").read_text()
    passed = set(re.findall(r"^  (\w+) += var\.\1$", call, re.MULTILINE))
    assert passed == set(module)


def blocks_of_hcl() -> list[tuple[str, str]]:
    """The HCL blocks of the READMEs: an id and the text."""
    found = []
    for path in (ROOT / "README.md", AWS / "README.md", GCP / "README.md"):
        blocks = re.findall(r"```hcl\n(.*?)```", path.read_text(), re.DOTALL)
        found += [(f"{path.relative_to(ROOT)}-{i}", text) for i, text in enumerate(blocks)]
    return found


@pytest.mark.parametrize(
    ("where", "text"), blocks_of_hcl(), ids=lambda v: v if "\n" not in v else ""
)
def test_readme_example_plans(session: planning.Session, where: str, text: str) -> None:
    source = re.compile(r'source( *)= "[^"]*//terraform/litellm/(aws|gcp)[^"]*"')
    match = source.search(text)
    assert match, f"{where} calls no module of this repository"
    stack = STACKS[match[2]]
    if f'provider "{stack.provider}"' not in text:
        text += f'provider "{stack.provider}" {{\n  {stack.scope[0]} = "{stack.scope[1]}"\n}}\n'
    with planning.work_folder(session, stack) as module:
        root = Terraform(module.parent, session.core.binary, session.environment)
        (module.parent / "main.tf").write_text(source.sub(rf'source\1= "./{stack.name}"', text))
        root.init(backend=False)
        result = root.planned()
    assert result.diagnostics == (), str(result)
    assert result.plan is not None
    assert len(result.plan.resources) > 40


@pytest.mark.parametrize("root", ROOTS, ids=by_path)
def test_variables_and_outputs_have_a_description(root: Path) -> None:
    described: dict[str, Variable | Output] = {
        **declarations.variables(root),
        **declarations.outputs(root),
    }
    assert described
    assert [n for n, d in described.items() if not d.description.endswith(".")] == []


@pytest.mark.parametrize("root", ROOTS, ids=by_path)
def test_every_variable_has_a_type(root: Path) -> None:
    text = (root / "variables.tf").read_text()
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(declarations.variables(root))
    assert [name for name, body in blocks if not re.search(r"^  type\s+=", body, re.M)] == []


@pytest.mark.parametrize("name", sorted(STACKS))
def test_secret_inputs_are_sensitive_and_ephemeral(name: str) -> None:
    secret = set(CREDENTIALS)
    variables = declarations.variables(STACKS[name].folder)
    assert (
        secret
        == {n for n, v in variables.items() if v.sensitive}
        == {n for n, v in variables.items() if v.ephemeral}
    )


@pytest.mark.parametrize("file", ["routes.tf", "routes.yaml"])
def test_shared_files_are_identical(file: str) -> None:
    assert (AWS / file).read_bytes() == (GCP / file).read_bytes(), (
        f"cp {AWS / file} {GCP / file}, or the other way round"
    )


def test_readme_lists_the_permissions_of_every_api() -> None:
    names = {"elbv2": "elasticloadbalancing"}
    used = rebuild.used_types(AWS)["resource"]
    services = {
        names.get(entry.service, entry.service)
        for kind, entry in codec.table().items()
        if kind in used
    }
    _, _, section = (AWS / "README.md").read_text().partition("## Permissions\n")
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", section.partition("\n## ")[0], re.MULTILINE))
    # The roles also use a key.
    assert listed == services | {"kms"}


def test_modules_have_the_same_files() -> None:
    def names(module: Path) -> set[str]:
        return {p.name for p in module.iterdir()}

    # Cloud Run scales itself.
    assert names(AWS) - names(GCP) == {"autoscaling.tf"}
    assert names(GCP) - names(AWS) == set()


@pytest.mark.parametrize("file", ["variables.tf", "outputs.tf"])
def test_modules_have_the_same_sections_in_order(file: str) -> None:
    def sections(module: Path) -> list[str]:
        return re.findall(r"^#{80}\n# (.+)\n#{80}$", (module / file).read_text(), re.MULTILINE)

    assert sections(AWS) == sections(GCP) != []


def test_shared_inputs_have_the_same_order_and_type() -> None:
    aws, gcp = declarations.variables(AWS), declarations.variables(GCP)
    # Thousandths of a CPU and MiB on Fargate, Kubernetes' quantities on Cloud Run.
    sizes = {f"{c}_{kind}" for c in ("gateway", "backend", "ui") for kind in ("cpu", "memory")}
    # region has a default on Google Cloud alone, where few would choose another.
    shared = [name for name in aws if name in gcp]
    assert [name for name in gcp if name in aws] == shared
    assert [n for n in shared if aws[n].type != gcp[n].type and n not in sizes] == []
    differ = {n for n in shared if aws[n].default != gcp[n].default} - sizes
    # The UI does not scale on AWS unless asked to, as its tasks cost while idle.
    assert differ == {"region", "ui_autoscaling_enabled"}


@pytest.mark.parametrize("name", ["tenant", "env"])
def test_tenant_and_env_rules_are_identical(name: str) -> None:
    def block(module: Path) -> str:
        text = (module / "variables.tf").read_text()
        match = re.search(rf'^variable "{name}" \{{\n.*?^\}}', text, re.MULTILINE | re.DOTALL)
        return match[0] if match else ""

    assert block(AWS) == block(GCP) != ""


@pytest.mark.parametrize("name", sorted(STACKS))
def test_module_has_no_provider_block(name: str) -> None:
    files = STACKS[name].folder.glob("*.tf")
    assert [f.name for f in files if re.search(r"^provider\b", f.read_text(), re.M)] == []


@pytest.mark.parametrize("name", sorted(STACKS))
def test_no_code_root_requires_only_inputs_without_default(name: str) -> None:
    root = STACKS[name].folder / "examples" / "no-code"
    required = {n for n, v in declarations.variables(root).items() if v.required}
    scope = {"aws": {"region", "azs"}, "gcp": {"project"}}[name]
    assert required == scope | {"tenant", "env"}


def test_terraform_is_formatted(session: planning.Session) -> None:
    terraform = Terraform(MODULES, session.core.binary, session.environment)
    output = terraform.run("fmt", "-check", "-recursive", "-diff")
    assert (output.retcode, output.out) == (0, ""), "run `terraform fmt -recursive terraform`"


@pytest.mark.parametrize(
    ("provider", "version"), [(p, v) for p in ("aws", "google", "random") for v in releases(p)]
)
def test_schemas_hold_exactly_the_used_types(provider: str, version: str) -> None:
    used = rebuild.used_types()
    document = schema_document(provider, version)
    (spec,) = document["provider_schemas"].values()
    assert document["origin"]
    for kind, section in rebuild.SECTIONS.items():
        wanted = {name for name in used[kind] if name.startswith(f"{provider}_")}
        assert set(spec[section]) == wanted, f"`python -m {rebuild.__name__} {provider} {version}`"


@pytest.mark.parametrize("file", sorted(DATA.glob("*.[blv]*.json")), ids=lambda f: f.name)
def test_limits_name_used_types_and_their_source(file: Path) -> None:
    document = json.loads(file.read_text())
    assert document["origin"]
    assert set(document["types"]) <= rebuild.used_types()["resource"]


def test_tracked_files_name_no_machine_path() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = []
    for name in listed.stdout.split():
        path = ROOT / name
        # A path a home directory or a workspace begins with, outside a URL or a longer word.
        if path.is_file() and re.search(rb"(?<![\w./-])/(root|work|home)/", path.read_bytes()):
            found.append(name)
    assert found == []
