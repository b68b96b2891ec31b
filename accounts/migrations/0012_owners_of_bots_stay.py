from importlib import import_module

from django.db import migrations

before = import_module("accounts.migrations.0009_rules_of_people")

# As before they wait for a lock before they look. Whoever gives a bot an owner locks the owner's
# place; whoever changes or ends that place has locked it when the trigger runs.
OWNERS_STAY = """
CREATE OR REPLACE FUNCTION accounts_shared_owns_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'accounts_bot' THEN
        PERFORM 1 FROM accounts_membership
        WHERE workspace_id = NEW.workspace_id AND user_id = NEW.owner_id AND role <> 'shared'
        FOR SHARE;
        IF FOUND THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a bot of workspace % is owned by somebody in it who is not shared',
            NEW.workspace_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_shared_owns_nothing';
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM 1 FROM accounts_bot
        WHERE workspace_id = OLD.workspace_id AND owner_id = OLD.user_id;
        IF NOT FOUND THEN
            RETURN OLD;
        END IF;
    ELSE
        PERFORM 1 FROM accounts_bot
        WHERE workspace_id = NEW.workspace_id AND owner_id = NEW.user_id;
        IF NOT FOUND THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'whoever owns a bot of a workspace stays in it, and is not shared'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_shared_owns_nothing';
END
$$;
CREATE TRIGGER membership_added_shared BEFORE INSERT ON accounts_membership
    FOR EACH ROW WHEN (NEW.role = 'shared')
    EXECUTE FUNCTION accounts_shared_owns_nothing();
CREATE TRIGGER membership_removed BEFORE DELETE ON accounts_membership
    FOR EACH ROW EXECUTE FUNCTION accounts_shared_owns_nothing();
"""
OWNERS_STAY_REVERSE = f"""
DROP TRIGGER membership_removed ON accounts_membership;
DROP TRIGGER membership_added_shared ON accounts_membership;
{before.SHARED_OWNS_NOTHING_REVERSE}
{before.SHARED_OWNS_NOTHING}
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_sign_in_tables")]

    operations = [migrations.RunSQL(OWNERS_STAY, OWNERS_STAY_REVERSE)]
