import { text } from 'node:stream/consumers';
import type { AdminGrant } from '../src/admin/admin-bootstrap.service.js';
import { isKnownSpelling } from '../src/common/dto/email-address.js';
import { toLine } from '../src/common/dto/text.js';
import { mayBeSquatted } from '../src/users/password-proof.js';
import { flag, readArguments, required, textOption } from './lib/arguments.js';
import { runCommand } from './lib/command.js';
import { openDatabase, type ScriptDatabase } from './lib/database.js';
import { explain, startQuietApp } from './lib/quiet-app.js';

const COMMAND = {
  call: 'npm run admin:create --',
  does:
    'makes the account an administrator; creates it if the address has none, and prints its password once; an account that ' +
    'a squatter may hold loses its password and sessions, and its address gets a link for a new password',
  options: {
    email: required(textOption('ADDRESS', 'address of the account', isKnownSpelling)),
    name: textOption('TEXT', 'name of a new account'),
    'password-stdin': flag('reads the password of a new account from standard input instead'),
  },
};

const MAX_NAME_CHARS = 255;

interface Wanted {
  email: string;
  name: string;
  /** null to generate one. */
  password: string | null;
}

async function readWanted(): Promise<Wanted> {
  const values = readArguments(COMMAND);
  // Never an argument: other users see those in the process list, and shells keep them in their history.
  const password = values['password-stdin'] ? (await text(process.stdin)).replace(/\r?\n$/, '') : null;
  return { email: values.email, name: toLine(values.name ?? '', MAX_NAME_CHARS) || 'Administrator', password };
}

async function appoint({ settings }: ScriptDatabase, { email, name, password }: Wanted): Promise<AdminGrant> {
  const { AdminBootstrapService } = await import('../src/admin/admin-bootstrap.service.js');
  const app = await startQuietApp(settings);
  try {
    return await app.get(AdminBootstrapService, { strict: false }).grantAdmin(email, name, password);
  } finally {
    await app.close();
  }
}

function report({ user, outcome, password }: AdminGrant): void {
  if (outcome === 'unchanged') {
    console.log(`${user.email} is an administrator already (${user.id}).`);
    if (mayBeSquatted(user))
      console.error('It is not known that its owner chose the password: have it set anew by a reset link.');
    return;
  }
  console.log(`${user.email} is an administrator (${user.id}).`);
  if (password) console.log(`Password, shown only now: ${password}`);
  if (outcome === 'created') return;
  console.log('The sessions from before have ended.');
  if (outcome === 'promoted') return console.log('The account keeps its password: sign in again.');
  console.log(
    'It was not known that the owner of the address made the account: its password and other ways in were removed.',
  );
  console.log('A link for a new password was mailed to the address; later, ask for another from the sign-in page.');
}

async function run(): Promise<void> {
  const wanted = await readWanted();
  const database = await openDatabase();
  try {
    const { prepareDatabase } = await import('../src/database/migrator.js');
    if (database.settings.migrateOnStart) await prepareDatabase(database.dataSource, database.settings);
    report(await appoint(database, wanted));
  } finally {
    await database.close();
  }
}

await runCommand('admin:create', () => run().catch(explain));
process.exit();
