import { Member, TestApp } from '../support/app.js';
import { migrateDatabase } from '../../src/database/migrator.js';
import { migrations } from '../../migrations/index.js';
import { dropWorkerDatabase } from '../support/environment.js';
import { ScratchDatabases, testSettings } from '../support/scratch-database.js';

const scratch = new ScratchDatabases();

afterAll(async () => {
  await scratch.drop();
  await dropWorkerDatabase();
});

describe.each([
  ['locale C', `TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`],
  ['ICU', `TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'und' LOCALE 'C.UTF-8'`],
  ['Turkish rules of case', `TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'`],
  ["the server's own locale", ''],
])('in a database of %s', (_, options) => {
  let service: TestApp;
  let admin: Member;

  beforeAll(async () => {
    const url = await scratch.create(options);
    await migrateDatabase(testSettings(url), migrations);
    service = await TestApp.start({ DATABASE_URL: url });
    admin = await service.memberWithRole('admin');
    await service.member({ name: 'Zoe\u0308 Quintero-Müller' });
    await service.member({ name: 'ΟΔΥΣΣΕΥΣ Παπαδόπουλος' });
    await service.member({ name: 'Иван Šimić' });
    await service.member({ name: 'Igor Island' });
  });
  afterAll(() => service.stop());

  it.each([
    ['Zo\u00eb', 'Zoë Quintero-Müller'],
    ['Zoe\u0308', 'Zoë Quintero-Müller'],
    ['ZOË', 'Zoë Quintero-Müller'],
    ['zoë quintero', 'Zoë Quintero-Müller'],
    ['MÜLLER', 'Zoë Quintero-Müller'],
    ['Ü', 'Zoë Quintero-Müller'],
    ['οδυσ', 'ΟΔΥΣΣΕΥΣ Παπαδόπουλος'],
    ['ΟΔΥΣ', 'ΟΔΥΣΣΕΥΣ Παπαδόπουλος'],
    ['οδυσσευς', 'ΟΔΥΣΣΕΥΣ Παπαδόπουλος'],
    ['ПАПА', undefined],
    ['ΠΑΠΑΔΌΠΟΥΛΟΣ', 'ΟΔΥΣΣΕΥΣ Παπαδόπουλος'],
    ['ИВАН', 'Иван Šimić'],
    ['šIMIĆ', 'Иван Šimić'],
    ['s\u030cimic\u0301', 'Иван Šimić'],
    ['igor ISLAND', 'Igor Island'],
  ])('a search for %j finds %j', async (search, name) => {
    const { body } = await service.get(`/admin/users?search=${encodeURIComponent(search)}`, admin.access);
    expect(body.users.map((user: { name: string }) => user.name)).toEqual(
      name === undefined ? [] : [name.normalize('NFC')],
    );
  });
});
