from django.db import migrations

from accounts.isolation import Isolate, grant

# Beside what else is kept of an order: its invoice has to say what it was taxed by.
KEEP_TAX = """
CREATE FUNCTION invoices_keep_tax() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what order % is taxed by is never changed', OLD.number
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER order_tax_kept BEFORE UPDATE ON invoices_order FOR EACH ROW
    WHEN ((NEW.tax_category, NEW.tax_rate, NEW.tax_code, NEW.tax_reason)
        IS DISTINCT FROM (OLD.tax_category, OLD.tax_rate, OLD.tax_code, OLD.tax_reason))
    EXECUTE FUNCTION invoices_keep_tax();
"""
KEEP_TAX_REVERSE = """
DROP TRIGGER order_tax_kept ON invoices_order;
DROP FUNCTION invoices_keep_tax();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0005_billing_details_and_tax")]

    operations = [
        Isolate("BillingDetails", "SELECT, INSERT, UPDATE"),
        grant("invoices_sellerprofile", "SELECT"),
        migrations.RunSQL(
            "GRANT INSERT, UPDATE ON invoices_sellerprofile TO console_operator",
            "REVOKE INSERT, UPDATE ON invoices_sellerprofile FROM console_operator",
        ),
        migrations.RunSQL(KEEP_TAX, KEEP_TAX_REVERSE),
    ]
