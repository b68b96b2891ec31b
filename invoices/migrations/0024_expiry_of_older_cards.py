from django.db import migrations

# Of cards that were saved before, the label says the month: "Visa ending in 4242, to 08/2027".
FIND_EXPIRY = r"""
UPDATE invoices_savedmethod
SET expires_on = (to_date(substring(label FROM ', to (\d\d/\d{4})$'), 'MM/YYYY')
    + interval '1 month' - interval '1 day')::date
WHERE method = 'stripe' AND label ~ ', to (0[1-9]|1[0-2])/\d{4}$'
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0023_rules_of_expiry")]

    operations = [migrations.RunSQL([FIND_EXPIRY], migrations.RunSQL.noop)]
