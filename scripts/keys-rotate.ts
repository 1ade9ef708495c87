import { flag, numberOption, readArguments, withDefault, yes } from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase } from './lib/database.js';

/** A cache keeps the JWK Set for 300 seconds, a second one behind it as long, and an instance may miss a notification for 30. */
const WAIT_SECONDS = 660;
const MAX_WAIT_SECONDS = 86_400;

await runCommand('keys:rotate', async () => {
  const {
    wait,
    compromised,
    yes: agreed,
  } = readArguments({
    call: 'npm run keys:rotate --',
    does:
      'adds a key for JWT_ALGORITHM=ES256, which signs after the wait; the keys before verify until their last token has expired\n' +
      '  The switch is stored in the database: every instance makes it by itself.',
    options: {
      wait: withDefault(
        numberOption('seconds until every cache of the JWK Set has the key', 0, MAX_WAIT_SECONDS),
        WAIT_SECONDS,
      ),
      compromised: flag(
        'signs at once and deletes the keys before: clients refresh, and other services fetch the new key',
      ),
      yes,
    },
  });
  if (compromised) await confirm(agreed, 'This refuses every access token that was signed so far.', configuredDatabase);
  const { settings, dataSource, close } = await openDatabase();
  try {
    const { prepareDatabase } = await import('../src/database/migrator.js');
    const { PreparedStatements } = await import('../src/database/prepared-statements.js');
    const { AuditService } = await import('../src/audit/audit.service.js');
    const { FieldCipher } = await import('../src/crypto/field-cipher.js');
    const { rotateSigningKeys } = await import('../src/auth/keys/key-rotation.js');
    if (settings.migrateOnStart) await prepareDatabase(dataSource, settings, console.error);
    const audit = new AuditService(new PreparedStatements(dataSource, settings));
    const { kid, signsFrom, retiresAt } = await rotateSigningKeys(
      dataSource,
      { cipher: new FieldCipher(settings.encryptionKeys), audit },
      { waitSeconds: wait, accessSeconds: settings.jwt.accessSeconds, compromised },
    );
    console.log(`key ${kid} signs from ${signsFrom.toISOString()} on`);
    console.log(retiresAt ? `the key before verifies until ${retiresAt.toISOString()}` : 'the keys before are deleted');
  } finally {
    await close();
  }
});
