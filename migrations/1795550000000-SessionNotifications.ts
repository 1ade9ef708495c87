import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tells every instance at once that what it has cached of a session is no longer true. By trigger, so that no code path, no
 * cascade of a deletion and no statement typed by hand can forget it. The notification is part of the transaction: it goes
 * out with the commit or not at all. It also makes commits of such transactions wait for one another, which is why nothing
 * else notifies in here: revocations are rare, and neither a refresh nor a profile change fires these triggers.
 */
export class SessionNotifications1795550000000 implements MigrationInterface {
  name = 'SessionNotifications1795550000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION notify_session_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('session_revoked', OLD.id::text); -- the id of a session, or of a user for all of theirs
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER user_sessions_revoked AFTER UPDATE OF revoked_at, expires_at ON user_sessions FOR EACH ROW
        WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at OR NEW.expires_at < OLD.expires_at)
        EXECUTE FUNCTION notify_session_revoked()`);
    await runner.query(`
      CREATE TRIGGER user_sessions_deleted AFTER DELETE ON user_sessions FOR EACH ROW
        WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
        EXECUTE FUNCTION notify_session_revoked()`);
    await runner.query(`
      CREATE TRIGGER users_access_changed AFTER UPDATE OF is_active, role ON users FOR EACH ROW
        WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active OR OLD.role IS DISTINCT FROM NEW.role)
        EXECUTE FUNCTION notify_session_revoked()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER users_access_changed ON users`);
    await runner.query(`DROP TRIGGER user_sessions_deleted ON user_sessions`);
    await runner.query(`DROP TRIGGER user_sessions_revoked ON user_sessions`);
    await runner.query(`DROP FUNCTION notify_session_revoked()`);
  }
}
