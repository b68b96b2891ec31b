from django.db import migrations

# The first plan of a bot holds from the beginning: no day is without one. It is that of the
# workspace's default, else the plan in the first place, in the version on offer.
FIRST_PLAN = """
CREATE FUNCTION plans_first_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO plans_botplan (workspace_id, bot_id, starts_on, version_id)
    SELECT NEW.workspace_id, NEW.id, DATE '0001-01-01', version.id
    FROM plans_planversion version JOIN plans_plan plan ON plan.id = version.plan_id
    LEFT JOIN plans_workspacebilling billing ON billing.workspace_id = NEW.workspace_id
    WHERE version.withdrawn_at IS NULL
    ORDER BY plan.id IS NOT DISTINCT FROM billing.default_plan_id DESC, plan.place
    LIMIT 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER first_plan AFTER INSERT ON accounts_bot
    FOR EACH ROW EXECUTE FUNCTION plans_first_plan();
"""
FIRST_PLAN_REVERSE = """
DROP TRIGGER first_plan ON accounts_bot;
DROP FUNCTION plans_first_plan();
"""
FILL = """
INSERT INTO plans_botplan (workspace_id, bot_id, starts_on, version_id)
SELECT bot.workspace_id, bot.id, DATE '0001-01-01', version.id
FROM accounts_bot bot, plans_planversion version JOIN plans_plan plan ON plan.id = version.plan_id
WHERE version.withdrawn_at IS NULL AND plan.code = 'standard'
ORDER BY bot.workspace_id, bot.id
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0003_seed_catalog")]

    operations = [
        # The trigger first: it waits for whoever adds a bot, and has those that come later.
        migrations.RunSQL(FIRST_PLAN, FIRST_PLAN_REVERSE),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
