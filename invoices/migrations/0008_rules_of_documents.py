from django.db import migrations

from accounts.isolation import AppendOnly, Isolate, TieToWorkspace

# Where a file is, is said once.
KEEP_FILES = """
CREATE FUNCTION invoices_keep_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the file of document % is never changed or removed', OLD.document_id
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER document_file_kept BEFORE UPDATE ON invoices_documentfile FOR EACH ROW
    WHEN (OLD.stored_at IS NOT NULL OR NEW.document_id <> OLD.document_id)
    EXECUTE FUNCTION invoices_keep_file();
CREATE TRIGGER document_file_stays BEFORE DELETE ON invoices_documentfile FOR EACH ROW
    EXECUTE FUNCTION invoices_keep_file();
"""
KEEP_FILES_REVERSE = """
DROP TRIGGER document_file_kept ON invoices_documentfile;
DROP TRIGGER document_file_stays ON invoices_documentfile;
DROP FUNCTION invoices_keep_file();
"""
# What is to be paid back is never changed, and what was sent is sent.
KEEP_PAYBACKS = """
CREATE FUNCTION invoices_keep_payback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is paid back by payback % is never changed or removed', OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER payback_kept BEFORE UPDATE ON invoices_payback FOR EACH ROW
    WHEN (OLD.sent_at IS NOT NULL
        OR (NEW.order_id, NEW.document_id, NEW.payment_id, NEW.amount, NEW.currency_id)
            IS DISTINCT FROM
            (OLD.order_id, OLD.document_id, OLD.payment_id, OLD.amount, OLD.currency_id))
    EXECUTE FUNCTION invoices_keep_payback();
CREATE TRIGGER payback_stays BEFORE DELETE ON invoices_payback FOR EACH ROW
    EXECUTE FUNCTION invoices_keep_payback();
"""
KEEP_PAYBACKS_REVERSE = """
DROP TRIGGER payback_kept ON invoices_payback;
DROP TRIGGER payback_stays ON invoices_payback;
DROP FUNCTION invoices_keep_payback();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0007_documents_and_paybacks")]

    operations = [
        Isolate("DocumentCode", "SELECT, INSERT"),
        Isolate("IssuedDocument", "SELECT, INSERT"),
        Isolate("DocumentFile", "SELECT, INSERT, UPDATE"),
        Isolate("Payback", "SELECT, INSERT, UPDATE"),
        Isolate("CreditedService", "SELECT, INSERT"),
        AppendOnly("CreditedService"),
        AppendOnly("DocumentCode"),
        AppendOnly("IssuedDocument"),
        TieToWorkspace("IssuedDocument", "order_id", "invoices_order"),
        TieToWorkspace("IssuedDocument", "corrects_id", "invoices_issueddocument"),
        TieToWorkspace("DocumentFile", "document_id", "invoices_issueddocument"),
        TieToWorkspace("Payback", "document_id", "invoices_issueddocument"),
        TieToWorkspace("Payback", "order_id", "invoices_order"),
        TieToWorkspace("Payback", "payment_id", "invoices_payment"),
        TieToWorkspace("CreditedService", "document_id", "invoices_issueddocument"),
        TieToWorkspace("CreditedService", "bot_id", "accounts_bot"),
        migrations.RunSQL(KEEP_FILES, KEEP_FILES_REVERSE),
        migrations.RunSQL(KEEP_PAYBACKS, KEEP_PAYBACKS_REVERSE),
    ]
