from django.db import migrations

# Both functions run with the rights, and see the rows, of whoever writes. Each waits for a lock
# before it looks, and then sees what was committed meanwhile.

LAST_OWNER = """
CREATE FUNCTION accounts_keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts_workspace WHERE id = OLD.workspace_id FOR NO KEY UPDATE;
    IF NOT EXISTS (
        SELECT 1 FROM accounts_membership
        WHERE workspace_id = OLD.workspace_id AND role = 'owner' AND id <> OLD.id
    ) THEN
        RAISE EXCEPTION 'the last owner of workspace % stays', OLD.workspace_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_owner_left';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER membership_owner_demoted BEFORE UPDATE ON accounts_membership
    FOR EACH ROW WHEN (OLD.role = 'owner' AND NEW.role <> 'owner')
    EXECUTE FUNCTION accounts_keep_an_owner();
CREATE TRIGGER membership_owner_removed BEFORE DELETE ON accounts_membership
    FOR EACH ROW WHEN (OLD.role = 'owner')
    EXECUTE FUNCTION accounts_keep_an_owner();
"""
LAST_OWNER_REVERSE = """
DROP TRIGGER membership_owner_removed ON accounts_membership;
DROP TRIGGER membership_owner_demoted ON accounts_membership;
DROP FUNCTION accounts_keep_an_owner();
"""

SHARED_OWNS_NOTHING = """
CREATE FUNCTION accounts_shared_owns_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'accounts_bot' THEN
        PERFORM 1 FROM accounts_membership
        WHERE workspace_id = NEW.workspace_id AND user_id = NEW.owner_id FOR SHARE;
        IF NOT EXISTS (
            SELECT 1 FROM accounts_membership
            WHERE workspace_id = NEW.workspace_id AND user_id = NEW.owner_id AND role = 'shared'
        ) THEN
            RETURN NEW;
        END IF;
    ELSIF NOT EXISTS (
        SELECT 1 FROM accounts_bot
        WHERE workspace_id = NEW.workspace_id AND owner_id = NEW.user_id
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a shared-account user of workspace % owns no bot', NEW.workspace_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_shared_owns_nothing';
END
$$;
CREATE TRIGGER bot_owner_given BEFORE INSERT OR UPDATE OF owner_id ON accounts_bot
    FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL)
    EXECUTE FUNCTION accounts_shared_owns_nothing();
CREATE TRIGGER membership_shared BEFORE UPDATE ON accounts_membership
    FOR EACH ROW WHEN (NEW.role = 'shared' AND OLD.role <> 'shared')
    EXECUTE FUNCTION accounts_shared_owns_nothing();
"""
SHARED_OWNS_NOTHING_REVERSE = """
DROP TRIGGER membership_shared ON accounts_membership;
DROP TRIGGER bot_owner_given ON accounts_bot;
DROP FUNCTION accounts_shared_owns_nothing();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_invitation")]

    operations = [
        migrations.RunSQL(LAST_OWNER, LAST_OWNER_REVERSE),
        migrations.RunSQL(SHARED_OWNS_NOTHING, SHARED_OWNS_NOTHING_REVERSE),
    ]
