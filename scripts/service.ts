import { SERVICE_SCOPES, type ServiceScope } from '../src/common/service-scopes.js';
import type { ServiceCredentialsService } from '../src/services/service-credentials.service.js';
import {
  chooseCommand,
  flag,
  type Option,
  readArguments,
  required,
  textOption,
  UsageError,
  yes,
} from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase } from './lib/database.js';

const call = (name: string) => `npm run service -- ${name}`;
const name = required(
  textOption('NAME', 'of the service: a-z, 0-9 and hyphens', (given) => /^[a-z][a-z0-9-]{0,63}$/.test(given)),
);
const scope: Option<ServiceScope[]> = {
  value: 'SCOPE,…',
  help: `what it may do: ${SERVICE_SCOPES.join(', ')}`,
  read: ([given = '']) => {
    const words = given.split(',').map((word) => word.trim());
    const unknown = words.find((word) => !SERVICE_SCOPES.includes(word as ServiceScope));
    if (unknown === undefined) return [...new Set(words)] as ServiceScope[];
    throw new UsageError(`--scope must be some of ${SERVICE_SCOPES.join(', ')}, not "${unknown}"`);
  },
};

const commands = {
  create: {
    does: 'makes a credential for another service and prints its token once',
    call: call('create'),
    options: { name, scope: required(scope) },
  },
  list: { does: 'names, scopes and times; never tokens', call: call('list'), options: {} },
  rotate: {
    does: 'prints a new token; the one before it stays valid until the next rotation, or revoke --previous',
    call: call('rotate'),
    options: { name },
  },
  revoke: {
    does: 'revokes the tokens of a service, from its next request on',
    call: call('revoke'),
    options: { name, previous: flag('only the token before the last rotation'), yes },
  },
};

type Work = (credentials: ServiceCredentialsService) => Promise<void>;

async function list(credentials: ServiceCredentialsService): Promise<void> {
  for (const {
    name: service,
    scopes: allowed,
    tokenHashes,
    createdAt,
    rotatedAt,
    revokedAt,
  } of await credentials.list())
    console.log(
      [
        service,
        allowed.join(','),
        revokedAt ? `revoked ${revokedAt.toISOString()}` : `${tokenHashes.length} valid`,
        `created ${createdAt.toISOString()}`,
        ...(rotatedAt ? [`rotated ${rotatedAt.toISOString()}`] : []),
      ].join('  '),
    );
}

/** The work that was asked for, its arguments checked and what destroys agreed to. */
async function prepare(): Promise<Work> {
  const { name: command, args } = chooseCommand('npm run service --', commands);
  if (command === 'create') {
    const given = readArguments(commands.create, args);
    return async (credentials) => console.log(await credentials.create(given.name, given.scope));
  }
  if (command === 'rotate') {
    const given = readArguments(commands.rotate, args);
    return async (credentials) => console.log(await credentials.rotate(given.name));
  }
  if (command === 'revoke') {
    const given = readArguments(commands.revoke, args);
    const what = given.previous ? `the previous token of ${given.name}` : `all tokens of ${given.name}`;
    await confirm(given.yes, `This revokes ${what}.`, configuredDatabase);
    return (credentials) => credentials.revoke(given.name, given.previous);
  }
  readArguments(commands.list, args);
  return list;
}

await runCommand('service', async () => {
  const work = await prepare();
  const { dataSource, settings, close } = await openDatabase();
  try {
    const { prepareDatabase } = await import('../src/database/migrator.js');
    const { PreparedStatements } = await import('../src/database/prepared-statements.js');
    const { AuditService } = await import('../src/audit/audit.service.js');
    const { ServiceCredentialsService } = await import('../src/services/service-credentials.service.js');
    if (settings.migrateOnStart) await prepareDatabase(dataSource, settings, console.error);
    const audit = new AuditService(new PreparedStatements(dataSource, settings));
    await work(new ServiceCredentialsService(dataSource, audit));
  } finally {
    await close();
  }
});
