"""Walks models, addresses, grants, policies and foreign keys: which forgot its workspace?"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.access import ACCESS
from accounts.models import AuditSeal, UnsealedEntry, User, Workspace, WorkspaceOwned
from invoices.packed import MonthPack
from invoices.parties import SellerProfile
from plans.models import Currency, Plan, PlanMeter, PlanVersion, Price
from usage.models import LargeTable

pytestmark = pytest.mark.django_db

OWN_APPS = ("billing_console", "accounts", "usage", "plans", "invoices")
CATALOG = {Currency, Plan, PlanVersion, PlanMeter, Price}
OF_NO_WORKSPACE = {User, UnsealedEntry, AuditSeal, SellerProfile, MonthPack} | CATALOG
# Tables of no workspace that the application may reach; docs/accounts.md says why.
OPEN_TABLES = {
    "accounts_user": "SELECT, INSERT, UPDATE",
    "account_emailaddress": "SELECT",
    "mfa_authenticator": "SELECT, INSERT, UPDATE, DELETE",
    "socialaccount_socialaccount": "SELECT, INSERT, UPDATE",
    "socialaccount_socialapp": "SELECT",
    "socialaccount_socialtoken": "SELECT",
    "usersessions_usersession": "SELECT, INSERT, UPDATE, DELETE",
    "django_session": "SELECT, INSERT, UPDATE, DELETE",
    "django_content_type": "SELECT",
    "auth_permission": "SELECT",
    "django_migrations": "SELECT",
    "accounts_unsealedentry": "INSERT",
    "invoices_monthpack": "SELECT, INSERT, UPDATE, DELETE",
    **{model._meta.db_table: "SELECT" for model in (*CATALOG, SellerProfile)},
}
# Which of the rows of a workspace the application may write.
ADDED = "INSERT, SELECT"
ADDED_AND_REMOVED = "DELETE, INSERT, SELECT"
CHANGED = "INSERT, SELECT, UPDATE"
REPLACED = "DELETE, INSERT, SELECT, UPDATE"
WRITTEN = {
    "accounts_apikey": CHANGED,
    "accounts_auditentry": ADDED,
    "accounts_bot": CHANGED,
    "accounts_botshare": REPLACED,
    "accounts_invitation": CHANGED,
    "accounts_mail": CHANGED,
    "accounts_membership": REPLACED,
    "accounts_monthzone": REPLACED,
    "accounts_mutedmail": ADDED_AND_REMOVED,
    "accounts_workspace": CHANGED,
    "usage_agent": REPLACED,
    "usage_billingsession": REPLACED,
    "usage_changedbot": ADDED_AND_REMOVED,
    "usage_conversation": REPLACED,
    "usage_dirtystream": ADDED_AND_REMOVED,
    "usage_event": ADDED_AND_REMOVED,
    "usage_eventsource": ADDED,
    "usage_intake": ADDED,
    "usage_rejectedevent": ADDED_AND_REMOVED,
    "usage_rolledbot": CHANGED,
    "usage_stream": REPLACED,
    "usage_usagebucket": REPLACED,
    "usage_usageday": REPLACED,
    "usage_usagedayinall": REPLACED,
    "usage_usagemonth": REPLACED,
    "usage_usagesixhours": REPLACED,
    "plans_botbilling": CHANGED,
    "plans_botplan": REPLACED,
    "plans_chargedday": CHANGED,
    "plans_creditlot": CHANGED,
    "plans_extension": CHANGED,
    "plans_ledgerentry": ADDED,
    "plans_posting": ADDED,
    "plans_workspacebilling": CHANGED,
    "invoices_autoreload": CHANGED,
    "invoices_billingdetails": CHANGED,
    "invoices_methodsetup": ADDED,
    "invoices_creditedservice": ADDED,
    "invoices_documentcode": ADDED,
    "invoices_documentfile": CHANGED,
    "invoices_issueddocument": ADDED,
    "invoices_documentbundle": REPLACED,
    "invoices_order": CHANGED,
    "invoices_orderline": ADDED,
    "invoices_payback": CHANGED,
    "invoices_payment": CHANGED,
    "invoices_savedmethod": ADDED,
    "invoices_statementbalance": ADDED,
    "invoices_statementbot": ADDED,
    "invoices_statementline": ADDED,
    "invoices_transfer": ADDED,
    "invoices_usagestatement": ADDED,
}
# Of the rest these columns may be changed: what was agreed to, and by whom, stays.
WRITTEN_COLUMNS = {
    ("invoices_methodsetup", "ended_at"),
    ("invoices_methodsetup", "kept_method_id"),
    ("invoices_savedmethod", "is_default"),
    ("invoices_savedmethod", "let_go_at"),
    ("invoices_savedmethod", "removed_at"),
    ("invoices_savedmethod", "removed_by_id"),
}
# What operators, and the beat, may do beside reading.
OF_OPERATOR = {
    ("accounts_unsealedentry", "DELETE"),
    ("accounts_auditseal", "INSERT"),
    *((model._meta.db_table, "INSERT") for model in (*CATALOG, SellerProfile)),
    *((model._meta.db_table, "UPDATE") for model in (Currency, Plan, PlanVersion, SellerProfile)),
}
# Addresses that are not below a workspace: each checks for itself, or shows nothing of anybody.
OUTSIDE_WORKSPACES = {
    "", "sign-in", "sign-out", "session", "healthz", "readyz", "metrics",
    "invitations/<str:token>", "mail/switch-off/<str:token>", "sandbox/pay/<str:token>",
    "sandbox/save/<str:token>", "sandbox/answers", "stripe/events",
}  # fmt: skip
OF_ONESELF = ("sign-in/", "password/", "profile/")
API = "api/v1/"
OPERATOR = "operator/"  # their permissions: tests/billing_console/test_operator.py
# Added by whomever, for operators to read: entries of the audit log that are of no workspace.
OF_INSTALLATION = ("accounts_auditentry", "of_installation", "INSERT")


def own_models() -> list[type[models.Model]]:
    return [model for app in OWN_APPS for model in apps.get_app_config(app).get_models()]


def isolated_tables() -> set[str]:
    return {
        model._meta.db_table
        for model in own_models()
        if issubclass(model, WorkspaceOwned) or model is Workspace
    }


def query(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def test_every_model_belongs_to_a_workspace() -> None:
    forgotten = [
        model
        for model in own_models()
        if not issubclass(model, WorkspaceOwned) and model is not Workspace
    ]

    assert set(forgotten) == OF_NO_WORKSPACE


def test_every_table_of_a_workspace_is_isolated() -> None:
    rows = query("""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND relforcerowsecurity
    """)

    assert {table for (table,) in rows} == isolated_tables()


def test_every_isolated_table_has_the_same_policies() -> None:
    rows = query("""
        SELECT tablename, policyname, roles::text[], cmd FROM pg_policies
        WHERE schemaname = 'public'
    """)

    found: dict[str, set[str]] = {}
    for table, policy, roles, command in rows:
        found.setdefault(table, set()).add(policy)
        assert len(roles) == 1
        assert roles[0] != "public"
        if (table, policy, command) == OF_INSTALLATION:
            continue
        if policy.startswith("found_"):
            assert (roles, command) == (["console_app"], "SELECT")
        if roles == ["console_app"] and policy != "of_workspace":
            assert policy.startswith("found_")
    for table in isolated_tables():
        assert {"of_workspace", "of_operator", "of_owner"} <= found[table], table


def test_policies_of_the_application_name_the_workspace() -> None:
    rows = query("""
        SELECT tablename, qual FROM pg_policies
        WHERE policyname = 'of_workspace' AND tablename <> 'accounts_workspace'
    """)

    setting = "NULLIF(current_setting('app.workspace_id'::text, true), ''::text)"
    assert {text for _, text in rows} == {f"(workspace_id = ({setting})::bigint)"}


def test_application_owns_nothing_and_has_the_rights_that_are_written_down() -> None:
    owned = query("""
        SELECT relname FROM pg_class
        WHERE relowner = 'console_app'::regrole AND relpersistence <> 't'
    """)
    rows = query("""
        SELECT table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'console_app' AND table_schema = 'public'
    """)

    granted: dict[str, set[str]] = {}
    for table, right in rows:
        granted.setdefault(table, set()).add(right)
    assert owned == []
    assert WRITTEN.keys() == isolated_tables()
    assert granted == {
        table: set(rights.split(", ")) for table, rights in (WRITTEN | OPEN_TABLES).items()
    }


def test_single_columns_may_be_changed_that_are_written_down() -> None:
    rows = query("""
        SELECT relname, attname, privilege_type
        FROM pg_attribute JOIN pg_class cls ON cls.oid = attrelid, aclexplode(attacl) AS acl
        WHERE relnamespace = 'public'::regnamespace AND acl.grantee <> cls.relowner
    """)

    assert {(table, column) for table, column, _ in rows} == WRITTEN_COLUMNS
    assert {right for _, _, right in rows} == {"UPDATE"}


def test_nobody_else_has_rights() -> None:
    # Not from information_schema, which shows to each role its own grants only.
    rows = query("""
        SELECT acl.grantee, relname, privilege_type
        FROM pg_class, aclexplode(relacl) AS acl
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND acl.grantee IN (0, 'console_operator'::regrole)
            AND (acl.grantee = 0 OR privilege_type <> 'SELECT')
    """)

    assert {(table, right) for grantee, table, right in rows if grantee} == OF_OPERATOR
    assert not any(grantee == 0 for grantee, _, _ in rows)


def test_no_partition_can_be_read_by_its_own_name() -> None:
    rows = query("""
        SELECT oid::regclass::text FROM pg_class
        WHERE relispartition AND relkind IN ('r', 'p')
            AND has_table_privilege('console_app', oid, 'SELECT, INSERT, UPDATE, DELETE')
    """)

    assert rows == []


def test_application_cannot_bypass_anything() -> None:
    (attributes,) = query("""
        SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles
        WHERE rolname = current_user
    """)

    assert attributes == (False, False, False, False)


def test_references_between_tables_of_workspaces_include_the_workspace() -> None:
    rows = query("""
        SELECT con.conrelid::regclass::text, con.confrelid::regclass::text,
            (SELECT array_agg(attname ORDER BY attnum)
             FROM pg_attribute WHERE attrelid = con.conrelid AND attnum = ANY(con.conkey))
        FROM pg_constraint con
        WHERE con.contype = 'f' AND con.connamespace = 'public'::regnamespace
    """)
    isolated = isolated_tables() - {"accounts_workspace"}

    tied = {(table, *columns) for table, _, columns in rows if "workspace_id" in columns}
    for table, target, columns in rows:
        if table in isolated and target in isolated and "workspace_id" not in columns:
            (column,) = columns
            assert any(
                entry[0] == table and column in entry[1:] and len(entry) == 3 for entry in tied
            ), f"{table}.{column} may name a row of another workspace"


def test_keys_of_large_tables_lead_with_the_workspace() -> None:
    tables = [model._meta.db_table for model in own_models() if issubclass(model, LargeTable)]
    rows = query(
        """
        SELECT idx.indrelid::regclass::text, idx.indexrelid::regclass::text, att.attname
        FROM pg_index idx
        JOIN pg_class cls ON cls.oid = idx.indexrelid
        JOIN pg_am am ON am.oid = cls.relam AND am.amname = 'btree'
        JOIN pg_attribute att ON att.attrelid = idx.indrelid AND att.attnum = idx.indkey[0]
        WHERE idx.indrelid::regclass::text = ANY(%s)
        """,
        tables,
    )

    assert tables
    # A bot's lock is one row of a bot, which has one workspace.
    others = {index for _, index, column in rows if column != "workspace_id"}
    assert {index for index in others if not index.startswith("usage_rolledbot")} == set()


def patterns(
    resolver: URLResolver | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        address = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, address)
        else:
            yield address, entry


def test_every_address_of_a_workspace_asks_for_a_permission() -> None:
    for address, entry in patterns():
        if address.startswith("w/<slug:slug>/"):
            assert getattr(entry.callback, "permission", None) in ACCESS, address
        else:
            assert address in OUTSIDE_WORKSPACES or address.startswith(
                (API, OPERATOR, *OF_ONESELF)
            ), address


def test_every_permission_is_asked_for() -> None:
    asked = {getattr(entry.callback, "permission", None) for _, entry in patterns()}

    assert asked >= ACCESS.keys()
