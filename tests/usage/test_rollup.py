"""Events become sessions and totals, whatever the order in which they arrive."""

import pytest

from accounts.tenancy import in_workspace
from tests import make
from tests.make import HOUR, MINUTE, NOON
from usage import rebuild, rollup
from usage.models import BillingSession, DirtyStream, UsageBucket, UsageDay, UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)


def test_roll_up_leaves_other_workspaces_alone() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")
    make.take_in(globex, *make.talk(0, 5))

    rollup.run(workspace_id=acme.pk, now=NOON + HOUR)

    with in_workspace(globex.pk):
        assert not BillingSession.objects.exists()
        assert DirtyStream.objects.exists()
