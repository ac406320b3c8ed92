"""The scheduler of ``--dist=loadfile``: it also splits long files and survives a crashed worker.

Of the files in :data:`SPLIT`, each test goes to the next free worker. Tests with names that start
with the same ``[group: `` share a fixture; they go to one worker in their order.

When a test crashes its worker, the scheduler of pytest-xdist 3.8 gives the crashed test to the next
worker with the rest of its file. The test crashes one worker after another, and the run never ends.
Here the test runs once. The rest of its file goes to the other workers; where they have ended, it
is reported as not run. No worker is started again (``--max-worker-restart=0``).
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.plugins import not_run

SPLIT = ("test_failure_scenarios.py", "test_owner_exit.py")
"""The files with tests of half a minute, of which only those of a group share anything."""


def unit(file: str, test: str) -> str:
    """What one worker runs with a test: its file, its group, or the test alone."""
    return test.partition(": ")[0] if file.endswith(SPLIT) else file


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return unit(super()._split_scope(nodeid), nodeid)

    def _reschedule(self, node: Any) -> None:
        """Give a worker another unit when it has one test left.

        It needs the next test to end that one. More tests would wait behind a long one.
        """
        if not self.workqueue or self._pending_of(self.assigned_work[node]) <= 1:
            super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Forget a worker; returns the test that it crashed in, if it had one to run."""
        units = self.assigned_work.pop(node)
        left = [test for unit in units.values() for test, done in unit.items() if not done]
        if not left:
            return None
        crashed: str = left[0]
        for unit in units.values():
            if crashed in unit:
                unit[crashed] = True
        self.workqueue.update({n: unit for n, unit in units.items() if not all(unit.values())})
        for other in self.assigned_work:
            self._reschedule(other)
        if all(other.shutting_down for other in self.assigned_work):
            for unit in self.workqueue.values():
                lost = [test for test, done in unit.items() if not done]
                not_run.add(self.config, dict.fromkeys(lost, f"{crashed} crashed the last worker"))
            self.workqueue.clear()
        return crashed


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Use the scheduler for ``--dist=loadfile``."""
    return _Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None
