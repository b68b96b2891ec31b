from django.db import migrations

# Until now renewals were paid by the latest method of an owner or admin that speaks of them.
CHOOSE = """
UPDATE invoices_savedmethod SET is_default = true WHERE id IN (
    SELECT DISTINCT ON (saved.workspace_id) saved.id
    FROM invoices_savedmethod saved
    JOIN accounts_membership member
        ON member.workspace_id = saved.workspace_id AND member.user_id = saved.saved_by_id
    WHERE member.role IN ('owner', 'admin') AND saved.consent LIKE '%monthly renewals%'
    ORDER BY saved.workspace_id, saved.consented_at DESC, saved.id DESC
)
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0010_rules_of_saved_methods")]

    operations = [migrations.RunSQL(CHOOSE, "UPDATE invoices_savedmethod SET is_default = false")]
