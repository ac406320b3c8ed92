"""The lifecycle of the Google Cloud stack: each stage needs the stages before it.

``--stages=apply,verify`` runs a subset, ``--run-folder=DIR`` keeps the files for a later run,
and ``--cloud=URL`` uses a running emulator.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.lifecycle.run import Lifecycle
from tests.integration import readme
from tests.integration.conftest import stage
from tests.integration.dashboard import *  # noqa: F403
from tests.integration.stages import *  # noqa: F403 -- they are the tests of this module
from tests.integration.stages import CONFIGURATION, DOMAIN, IMAGE, Case
from tests.integration.story import *  # noqa: F403

pytestmark = pytest.mark.account("gcp", minutes=90)
CASE = Case(
    stack="gcp",
    inputs={
        "lb_domains": [DOMAIN],
        "allow_plaintext_lb": False,
        "ui_password": "a-password-of-the-dashboard",
        "provided_credentials": ["litellm_master_key", "ui_password"],
        "cloudsql_deletion_protection": False,
        "skip_final_snapshot": True,
        "gcs_force_destroy": True,
        "labels": {"team": "platform"},
    },
    entry=("lb_ip", "lb_url", "gcs_bucket"),
    labels={"litellm-stack": "acme-litellm-dev", "managed-by": "terraform", "team": "platform"},
    jobs=1,
    secrets=4,
    changes={
        "configuration and password": (
            CONFIGURATION,
            {
                'google_cloud_run_v2_service.this["gateway"]': "update",
                'google_cloud_run_v2_service.this["backend"]': "update",
                "google_storage_bucket_object.proxy_config": "update",
                'google_secret_manager_secret_version.this["master_key"]': "replace",
                'google_secret_manager_secret_version.this["ui_password"]': "replace",
            },
        ),
        "image and scale": (
            {**IMAGE, "gateway_min_instances": 2},
            {
                'google_cloud_run_v2_service.this["gateway"]': "update",
                "terraform_data.images": "update",
            },
        ),
    },
    without_image={"scale": {'google_cloud_run_v2_service.this["gateway"]': "update"}},
)


@stage("verify")
@pytest.mark.needs("gcloud")
def test_command_of_the_readme_prints_the_master_key(lifecycle: Lifecycle, tmp_path: Path) -> None:
    blocks = readme.blocks(lifecycle.target.stack, "gcloud")
    (command,) = (block for block in blocks if "master_key" in block)
    assert readme.output(lifecycle, command, tmp_path) == lifecycle.inputs()["litellm_master_key"]
