/** Keys of PostgreSQL advisory locks. They are unique in the service, because all share one number space per database. */

/** Held, shared, by every process that uses the embedded server; the last one stops it. In the database `postgres`. */
export const EMBEDDED_SERVER_LOCK_KEY = 7_205_759;
/** One instance migrates, the others wait. */
export const MIGRATION_LOCK_KEY = 7_205_760;
/** Held by the instance that runs the relay. */
export const RELAY_LOCK_KEY = 7_205_761;
/** Serializes replays of parked events. */
export const REPLAY_LOCK_KEY = 7_205_762;
/** One instance deletes expired rows. Not the relay's key, which is held for as long as a relay runs. */
export const EXPIRED_ROWS_LOCK_KEY = 7_205_763;
/** Serializes changes that could remove the last administrator. */
export const LAST_ADMIN_LOCK_KEY = 7_205_764;
/** Keeps two imports of users apart. */
export const IMPORT_LOCK_KEY = 7_205_768;
/** Serializes seeding and rotation of signing keys. */
export const SIGNING_KEYS_LOCK_KEY = 7_205_776;
