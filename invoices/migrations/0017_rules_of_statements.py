from django.db import migrations

from accounts.isolation import AppendOnly, Isolate, TieToWorkspace

# As migration 0008 has it, where each file is of a document.
KEEP_FILES = """
DROP TRIGGER document_file_kept ON invoices_documentfile;
CREATE OR REPLACE FUNCTION invoices_keep_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the file of % is never changed or removed', coalesce(
            'document ' || OLD.document_id, 'statement ' || OLD.statement_id)
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER document_file_kept BEFORE UPDATE ON invoices_documentfile FOR EACH ROW
    WHEN (OLD.stored_at IS NOT NULL
        OR (NEW.document_id, NEW.statement_id, NEW.bot_id)
            IS DISTINCT FROM (OLD.document_id, OLD.statement_id, OLD.bot_id))
    EXECUTE FUNCTION invoices_keep_file();
"""
KEEP_FILES_REVERSE = """
DROP TRIGGER document_file_kept ON invoices_documentfile;
CREATE OR REPLACE FUNCTION invoices_keep_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the file of document % is never changed or removed', OLD.document_id
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER document_file_kept BEFORE UPDATE ON invoices_documentfile FOR EACH ROW
    WHEN (OLD.stored_at IS NOT NULL OR NEW.document_id <> OLD.document_id)
    EXECUTE FUNCTION invoices_keep_file();
"""
OF_STATEMENTS = ("StatementBot", "StatementLine", "StatementBalance")


class Migration(migrations.Migration):
    dependencies = [("invoices", "0016_usage_statements")]

    operations = [
        Isolate("UsageStatement", "SELECT, INSERT"),
        AppendOnly("UsageStatement"),
        *(Isolate(model, "SELECT, INSERT") for model in OF_STATEMENTS),
        *(AppendOnly(model) for model in OF_STATEMENTS),
        *(
            TieToWorkspace(model, "statement_id", "invoices_usagestatement")
            for model in OF_STATEMENTS
        ),
        *(TieToWorkspace(model, "bot_id", "accounts_bot") for model in OF_STATEMENTS),
        TieToWorkspace("DocumentFile", "statement_id", "invoices_usagestatement"),
        TieToWorkspace("DocumentFile", "bot_id", "accounts_bot"),
        migrations.RunSQL(KEEP_FILES, KEEP_FILES_REVERSE),
    ]
