import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as rules from './support/architecture-rules.js';
import type { Rule, SourceFile } from './support/architecture-rules.js';

const file = (where: string, text: string): SourceFile => ({ path: where, text });
const user = file('src/users/user.entity.ts', `export const ROLES = ['user'];\nexport class User {}`);

const table = file('src/users/user.entity.ts', `@Entity('users')\nexport class User {}`);

interface Case {
  rule: Rule;
  /** Code that breaks it, so that a rule which has gone blind is noticed. Spelled in pieces where this file is read too. */
  broken: SourceFile[][];
}

const cases: Record<string, Case> = {
  'imports walk one way through the folders': {
    rule: rules.importsWalkOneWay,
    broken: [
      [file('src/common/a.ts', `import { B } from '../users/b.js';`)],
      [file('src/users/a.ts', `import type {\n  B,\n} from '../auth/b.js';`)],
      [file('src/users/a.ts', `const { createApp } = await import('../app.js');`)],
      [file('src/auth/a.ts', `import '../../test/support/app.js';`)],
      [file('src/shared/a.ts', '')],
    ],
  },
  'no file imports itself by a detour': {
    rule: rules.noCycle,
    broken: [
      [
        file('src/users/a.ts', `import { b } from './b.js';`),
        file('src/users/b.ts', `export { c } from './c.js';`),
        file('src/users/c.ts', `import type { a } from './a.js';`),
      ],
    ],
  },
  'only config reads the environment': {
    rule: rules.environmentStaysInConfig,
    broken: [
      [file('src/mail/a.ts', `send(process.env.SMTP_URL);`)],
      [file('src/main.ts', `send(process['env'].SMTP_URL);`)],
      [file('src/mail/a.ts', `const { env } = process;`)],
    ],
  },
  'controllers know no database': {
    rule: rules.controllersKnowNoDatabase,
    broken: [
      [file('src/users/a.controller.ts', `import type { DataSource } from 'typeorm';`)],
      [file('src/users/a.controller.ts', `import { PreparedStatements } from '../database/prepared-statements.js';`)],
    ],
  },
  'entities are worked on in their own folder only': {
    rule: rules.entitiesStayAtHome,
    broken: [
      [user, file('src/auth/a.ts', `import { ROLES, User } from '../users/user.entity.js';`)],
      [user, file('src/auth/a.ts', `constructor(private readonly users: Repository<User>) {}`)],
    ],
  },
  'tables are written by the folder that owns them': {
    rule: rules.tablesAreWrittenAtHome,
    broken: [
      [table, file('src/auth/a.ts', 'tx.query(`DELETE FROM users WHERE id = $1`);')],
      [table, file('src/auth/a.ts', "tx.query('SELECT id FROM users WHERE id = $1 FOR UPDATE');")],
      [table, file('src/auth/a.ts', "const EXPIRED = [['users', 'id']];")],
    ],
  },
  'texts are normalized where their length is bounded': {
    rule: rules.normalizationIsBounded,
    broken: [[file('src/auth/a.ts', `const same = password.normalize('NFC') === other;`)]],
  },
  'bounds are named MAX or MIN': {
    rule: rules.boundsAreMaxOrMin,
    broken: [
      [file('src/users/a.ts', `const ${'MO'}${'ST'}_ROWS = 5;`)],
      [file('bench/a.ts', `const ${'LONG'}${'EST'} = wait();`)],
    ],
  },
  'prose names its subject': {
    rule: rules.proseNamesItsSubject,
    broken: [
      [file('src/users/a.ts', '/** Nobody reads this. */')],
      [file('docs/a.md', 'Requests meanwhile wait.')],
      [file('src/mail/a.ts', `throw new Error('Nobody knows');`)],
      [file('README.md', 'For whoever runs it.')],
    ],
  },
  'numbers name their unit': {
    rule: rules.numbersNameTheirUnit,
    broken: [[file('src/users/a.ts', 'const TTL = 60;')], [file('scripts/a.ts', 'export const LIMIT = 16 * 1_024;')]],
  },
  'roles match their files': {
    rule: rules.rolesMatchTheirFiles,
    broken: [
      [file('src/users/a.ts', 'export class UsersService {}')],
      [file('src/users/a.service.ts', 'export class Users {}')],
      [file('src/users/a.guard.ts', 'export class UsersGuard {}\nexport class UsersPipe {}')],
    ],
  },
  'files stay short': {
    rule: rules.filesStayShort,
    broken: [[file('scripts/a.ts', '\n'.repeat(rules.MAX_FILE_LINES + 1))]],
  },
  'every spec runs': {
    rule: rules.specsAllRun,
    broken: [
      [file('test/a.spec.ts', `it.${'only'}('works', () => {});`)],
      [file('src/users/a.spec.ts', `describe.${'skip'}.each([])('works', () => {});`)],
      [file('test/a.spec.ts', `(redis ? describe : describe.${'skip'})('works', () => {});`)],
      [file('test/a.spec.ts', `${'xit'}('works', () => {});`)],
    ],
  },
  'no barrels': {
    rule: rules.noBarrels,
    broken: [[file('src/users/index.ts', '')], [file('scripts/a.ts', `export ${'*'} from './b.js';`)]],
  },
  'no forward references': {
    rule: rules.noForwardRef,
    broken: [[file('src/users/a.ts', `constructor(@Inject(forwardRef(() => B)) b: B) {}`)]],
  },
  'names say something': {
    rule: rules.namesSaySomething,
    broken: [
      [file('src/users/utils.ts', '')],
      [file('scripts/date-helpers.ts', '')],
      [file('src/users/a.ts', `export class Session${'Manager'} {}`)],
      [file('src/users/a.ts', `export abstract class ${'Base'}Service<T> {}`)],
    ],
  },
};

const root = path.resolve(__dirname, '..');
const tree: SourceFile[] = ['src', 'test', 'scripts', 'migrations', 'bench', 'docs']
  .filter((folder) => existsSync(path.join(root, folder)))
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:m?[jt]s|md)$/.test(name))
      .map((name) => path.join(folder, name)),
  )
  .concat('README.md')
  .map((where) => file(where.replaceAll(path.sep, '/'), readFileSync(path.join(root, where), 'utf8')));

it('reads the whole tree', () => {
  const folders = new Set(tree.map(({ path: where }) => where.split('/')[0]));
  expect([...folders]).toEqual(expect.arrayContaining(['src', 'test', 'scripts', 'migrations']));
  const targets = tree.flatMap(rules.importsOf).map(({ target }) => target);
  expect(targets.filter((target) => target.startsWith('src/')).length).toBeGreaterThan(100);
});

it('accepts code that follows every rule', () => {
  const good = [
    user,
    file(
      'src/auth/a.ts',
      `import { ROLES } from '../users/user.entity.js';\nimport type { Role, User } from '../users/user.entity.js';`,
    ),
    file('src/auth/code.entity.ts', `import { User } from '../users/user.entity.js';`),
    file(
      'src/app.module.ts',
      `import { migrations } from '../migrations/index.js';\nimport { A } from './auth/a.js';\nexport class AppModule {}`,
    ),
    file(
      'src/crypto/b.ts',
      `import { AppError } from '../common/errors.js';\nconst baseOf = (tx: EntityManager) => tx;`,
    ),
  ];
  expect(Object.values(cases).flatMap(({ rule }) => rule(good))).toEqual([]);
});

describe.each(Object.entries(cases))('%s', (_, { rule, broken }) => {
  it('holds in the tree', () => expect(rule(tree)).toEqual([]));

  it('reports a violation', () => {
    for (const files of broken) expect(rule(files)).toHaveLength(1);
  });
});
