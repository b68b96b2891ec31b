from django.db import migrations

from accounts.isolation import WRITE, AppendOnly, Isolate, TieToWorkspace, grant

APPEND = "SELECT, INSERT"
CATALOG = {
    "plans_currency": "INSERT, UPDATE",
    "plans_plan": "INSERT, UPDATE",
    "plans_planversion": "INSERT, UPDATE",
    "plans_planmeter": "INSERT",
    "plans_price": "INSERT",
}
# As usage/migrations/0003: the planner is to know nothing of workspaces.
LARGE = (
    "plans_botplan",
    "plans_botbilling",
    "plans_posting",
    "plans_ledgerentry",
    "plans_chargedday",
)
STATISTICS = "ALTER TABLE {} ALTER COLUMN workspace_id SET STATISTICS {}"

# A version on offer may be withdrawn, once; nothing else of it changes.
KEEP_VERSIONS = """
CREATE FUNCTION plans_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL THEN
        OLD.withdrawn_at := NEW.withdrawn_at;
        IF OLD IS NOT DISTINCT FROM NEW THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a plan version is withdrawn, and never changed or removed'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER version_kept BEFORE UPDATE OR DELETE ON plans_planversion
    FOR EACH ROW EXECUTE FUNCTION plans_keep_version();
"""
KEEP_VERSIONS_REVERSE = """
DROP TRIGGER version_kept ON plans_planversion;
DROP FUNCTION plans_keep_version();
"""

# As the owner, who sees the entries of every workspace: by the end of a transaction another
# workspace, or none, may be set.
BALANCE = """
CREATE FUNCTION plans_posting_balances() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM plans_ledgerentry
    WHERE workspace_id = NEW.workspace_id AND posting_id = NEW.posting_id
    HAVING sum(amount) <> 0 OR count(DISTINCT currency) <> 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the entries of posting % do not sum to zero', NEW.posting_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_balances';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER posting_balances AFTER INSERT ON plans_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION plans_posting_balances();
"""
BALANCE_REVERSE = """
DROP TRIGGER posting_balances ON plans_ledgerentry;
DROP FUNCTION plans_posting_balances();
"""

KEEP_CURRENCY = """
CREATE FUNCTION plans_keep_currency() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM plans_posting WHERE workspace_id = OLD.id;
    IF FOUND THEN
        RAISE EXCEPTION 'the currency of workspace % is fixed by its postings', OLD.slug
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER currency_kept BEFORE UPDATE ON accounts_workspace
    FOR EACH ROW WHEN (OLD.currency <> NEW.currency) EXECUTE FUNCTION plans_keep_currency();
"""
KEEP_CURRENCY_REVERSE = """
DROP TRIGGER currency_kept ON accounts_workspace;
DROP FUNCTION plans_keep_currency();
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0001_catalog_ledger_and_lots")]

    operations = [
        *(grant(table, "SELECT") for table in CATALOG),
        *(
            migrations.RunSQL(
                f"GRANT {rights} ON {table} TO console_operator",
                f"REVOKE {rights} ON {table} FROM console_operator",
            )
            for table, rights in CATALOG.items()
        ),
        AppendOnly("PlanMeter"),
        AppendOnly("Price"),
        migrations.RunSQL(KEEP_VERSIONS, KEEP_VERSIONS_REVERSE),
        Isolate("WorkspaceBilling", "SELECT, INSERT, UPDATE"),
        Isolate("BotPlan", WRITE),
        Isolate("BotBilling", "SELECT, INSERT, UPDATE"),
        Isolate("CreditLot", "SELECT, INSERT, UPDATE"),
        Isolate("Posting", APPEND),
        Isolate("LedgerEntry", APPEND),
        Isolate("ChargedDay", "SELECT, INSERT, UPDATE"),
        Isolate("Extension", "SELECT, INSERT, UPDATE"),
        TieToWorkspace("CreditLot", "bot_id", "accounts_bot"),
        TieToWorkspace("CreditLot", "extends_id", "plans_creditlot"),
        TieToWorkspace("Extension", "bot_id", "accounts_bot"),
        AppendOnly("Posting"),
        AppendOnly("LedgerEntry"),
        migrations.RunSQL(BALANCE, BALANCE_REVERSE),
        migrations.RunSQL(KEEP_CURRENCY, KEEP_CURRENCY_REVERSE),
        migrations.RunSQL(
            "GRANT USAGE ON SEQUENCE plans_posting_id TO console_app",
            "REVOKE USAGE ON SEQUENCE plans_posting_id FROM console_app",
        ),
        *(
            migrations.RunSQL(STATISTICS.format(table, 0), STATISTICS.format(table, -1))
            for table in LARGE
        ),
    ]
