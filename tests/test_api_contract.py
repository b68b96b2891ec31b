"""Every operation of the API keeps what its OpenAPI document promises, whatever it is sent."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Scope
from billing_console.wsgi import application
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture
def secret() -> str:
    workspace = make.workspace()
    make.bot(workspace)
    return make.api_key(workspace, *Scope)


@schema.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_operation_answers_as_documented(case: "schemathesis.Case[Any]", secret: str) -> None:
    response = case.call(headers={"Authorization": f"Bearer {secret}", "Host": "localhost"})

    # What breaks the schema of one event is answered by 200 and a rejection, so that the other
    # events get through; that check does not apply.
    case.validate_response(response, checks=CHECKS)
