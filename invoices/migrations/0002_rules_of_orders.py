from django.db import migrations

from accounts.isolation import Isolate, TieToWorkspace

# The moves that there are; invoices.models.MOVES has the same.
KEEP_ORDERS = """
CREATE FUNCTION invoices_keep_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE EXCEPTION 'an order begins as pending' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order is never removed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.workspace_id, NEW.number, NEW.key, NEW.type, NEW.net, NEW.tax, NEW.gross,
            NEW.currency_id, NEW.buyer_id, NEW.bot_id, NEW.version_id, NEW.created_at)
        IS DISTINCT FROM (OLD.workspace_id, OLD.number, OLD.key, OLD.type, OLD.net, OLD.tax,
            OLD.gross, OLD.currency_id, OLD.buyer_id, OLD.bot_id, OLD.version_id, OLD.created_at)
        OR (OLD.lot_id IS NOT NULL AND NEW.lot_id IS DISTINCT FROM OLD.lot_id)
    THEN
        RAISE EXCEPTION 'what was ordered by order % is never changed', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('pending', 'in_review'), ('pending', 'completed'), ('pending', 'failed'),
        ('pending', 'canceled'), ('in_review', 'completed'), ('in_review', 'failed'),
        ('in_review', 'canceled'), ('failed', 'completed'), ('canceled', 'completed'),
        ('completed', 'refunded'))
        AND NOT (OLD.status = 'failed' AND NEW.status = 'pending' AND NEW.type = 'renewal')
    THEN
        RAISE EXCEPTION 'order % does not move from % to %', OLD.number, OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER order_kept BEFORE INSERT OR UPDATE OR DELETE ON invoices_order
    FOR EACH ROW EXECUTE FUNCTION invoices_keep_order();
"""
KEEP_ORDERS_REVERSE = """
DROP TRIGGER order_kept ON invoices_order;
DROP FUNCTION invoices_keep_order();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_orders_payments_and_auto_reload")]

    operations = [
        Isolate("Order", "SELECT, INSERT, UPDATE"),
        Isolate("Payment", "SELECT, INSERT, UPDATE"),
        Isolate("SavedMethod", "SELECT, INSERT"),
        Isolate("AutoReload", "SELECT, INSERT, UPDATE"),
        TieToWorkspace("Order", "bot_id", "accounts_bot"),
        TieToWorkspace("Order", "lot_id", "plans_creditlot"),
        TieToWorkspace("Payment", "order_id", "invoices_order"),
        TieToWorkspace("Payment", "saved_method_id", "invoices_savedmethod"),
        TieToWorkspace("AutoReload", "bot_id", "accounts_bot"),
        TieToWorkspace("AutoReload", "saved_method_id", "invoices_savedmethod"),
        migrations.RunSQL(KEEP_ORDERS, KEEP_ORDERS_REVERSE),
    ]
