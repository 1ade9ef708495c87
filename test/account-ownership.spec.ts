import { isDeepStrictEqual } from 'node:util';
import { identitiesOf, passwordResetBy } from './support/accounts.js';
import { Answer, Member, TestApp, uniqueEmail } from './support/app.js';
import { Browser } from './support/browser.js';
import { mailedToken } from './support/mailbox.js';
import { OidcProvider, person } from './support/oidc-provider.js';
import { runHosted } from './support/scripts.js';

/** What the maker of an account writes into it: every field that a member can change. */
const PROFILE = {
  name: 'Written by the maker',
  bio: 'Call me at +1 415 555 2671',
  location: 'Bern',
  industry: 'Finance',
  job_title: 'Treasurer',
  company: 'Acme',
  linkedin_url: 'https://www.linkedin.com/in/maker',
  phone: '+14155552671',
  date_of_birth: '1990-05-17',
  gender: 'female',
};
const PREFERENCES = { age_min: 30, industries: ['Finance'], notification_push: false, privacy_profile: 'private' };
const CHANGED = 'a password of the maker, changed';

let oidc: OidcProvider;
let service: TestApp;
let admin: Member;
/** The row of a member who has changed nothing. */
let fresh: Awaited<ReturnType<typeof profileOf>>;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start(oidc.values);
  admin = await service.memberWithRole('admin');
  fresh = await profileOf(await service.member());
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

/** The maker knows the password and has a session. The owner reads the mailbox and has the provider accounts. */
interface Account extends Member {
  /** Of the last way in that the owner took. */
  owner?: string;
  last?: Answer;
}

const verify = async (account: Account, body: object = {}, token?: string) =>
  service.post('/auth/email/verify', { token: await mailedToken(account.email, 'email_verification'), ...body }, token);

async function signInAt(provider: 'google' | 'linkedin', account: Account): Promise<Answer> {
  const claims = person({ email: account.email, name: 'Name at the provider' });
  const answer = await new Browser(service).signIn(provider, oidc, claims);
  account.owner = answer.body.access_token;
  return answer;
}

async function reset(account: Account): Promise<Answer> {
  const password = 'chosen by the owner of the mailbox';
  const answer = await passwordResetBy(service, account.email, password);
  account.owner = (await service.post('/auth/login', { email: account.email, password })).body.access_token;
  return answer;
}

async function changePassword(account: Account): Promise<Answer> {
  const body = { current_password: account.password, new_password: CHANGED };
  account.password = CHANGED;
  return service.post('/auth/password/change', body, account.access);
}

async function create(account: Account): Promise<Answer> {
  const { code, output } = await runHosted('admin-create', ['--email', account.email]);
  return { status: code!, text: output, body: {}, headers: {} };
}

// A change of the address belongs in this list as soon as there is a route for it.
const STEPS = {
  'it is confirmed by link alone': (account: Account) => verify(account),
  'it is confirmed in a session of the account': (account: Account) => verify(account, {}, account.access),
  'it is confirmed in a session of another account': async (account: Account) =>
    verify(account, {}, (await service.member()).access),
  'it is confirmed with its password': (account: Account) => verify(account, { password: account.password }),
  'it is confirmed with a wrong password': (account: Account) => verify(account, { password: 'not that one' }),
  'its password is changed': changePassword,
  'its password is reset': reset,
  'Google signs in': (account: Account) => signInAt('google', account),
  'LinkedIn signs in': (account: Account) => signInAt('linkedin', account),
  'an administrator promotes it': ({ id }: Account) =>
    service.put(`/admin/users/${id}/role`, { role: 'moderator', reason: 'for the spec' }, admin.access),
  'the operator makes it an administrator': create,
};
type Step = keyof typeof STEPS;

interface Outcome {
  /** Whether password, access token and refresh token of the maker still open the account. */
  maker: 'in' | 'out';
  profile: 'kept' | 'gone';
  /** Of the last step; 0 is the exit code of a command. */
  status: number;
  type?: string;
  role?: string;
  identities?: string[];
}

const CONFIRMED = 'it is confirmed by link alone';
const IN_SESSION = 'it is confirmed in a session of the account';
const BY_PASSWORD = 'it is confirmed with its password';

const ORDERS: [steps: Step[], outcome: Outcome][] = [
  // Confirmation shows the mailbox; it is the password's proof only where it comes from the maker.
  [[CONFIRMED], { maker: 'in', profile: 'kept', status: 204 }],
  [['it is confirmed in a session of another account'], { maker: 'in', profile: 'kept', status: 204 }],
  [
    ['it is confirmed with a wrong password'],
    { maker: 'in', profile: 'kept', status: 401, type: 'invalid_credentials' },
  ],
  [[IN_SESSION], { maker: 'in', profile: 'kept', status: 204 }],
  [[BY_PASSWORD], { maker: 'in', profile: 'kept', status: 204 }],

  // A reset by link.
  [['its password is reset'], { maker: 'out', profile: 'gone', status: 204 }],
  [[CONFIRMED, 'its password is reset'], { maker: 'out', profile: 'kept', status: 204 }],
  [[IN_SESSION, 'its password is reset'], { maker: 'out', profile: 'kept', status: 204 }],
  [['its password is reset', CONFIRMED], { maker: 'out', profile: 'gone', status: 204 }],

  // A provider that has verified the address.
  ...(['Google signs in', 'LinkedIn signs in'] as const).flatMap((signIn): [Step[], Outcome][] => {
    const identities = [signIn === 'Google signs in' ? 'google' : 'linkedin'];
    const out = { maker: 'out', status: 200, identities } as const;
    return [
      [[signIn], { ...out, profile: 'gone' }],
      [['its password is changed', signIn], { ...out, profile: 'gone' }],
      [[CONFIRMED, signIn], { ...out, profile: 'kept' }],
      [['it is confirmed in a session of another account', signIn], { ...out, profile: 'kept' }],
      [['it is confirmed with a wrong password', signIn], { ...out, profile: 'gone' }],
      [[CONFIRMED, 'its password is changed', signIn], { ...out, profile: 'kept' }],
      [['its password is changed', CONFIRMED, signIn], { ...out, profile: 'kept' }],
      [['its password is reset', signIn], { ...out, profile: 'gone' }],
      [[signIn, 'its password is reset'], { ...out, profile: 'gone', status: 204 }],
      [[signIn, CONFIRMED], { ...out, profile: 'gone', status: 204 }],
      // The maker who also reads the mailbox keeps everything.
      [[IN_SESSION, signIn], { ...out, maker: 'in', profile: 'kept' }],
      [[BY_PASSWORD, signIn], { ...out, maker: 'in', profile: 'kept' }],
      [[CONFIRMED, IN_SESSION, signIn], { ...out, maker: 'in', profile: 'kept' }],
      [[CONFIRMED, BY_PASSWORD, signIn], { ...out, maker: 'in', profile: 'kept' }],
      [[IN_SESSION, 'its password is changed', signIn], { ...out, maker: 'in', profile: 'kept' }],
    ];
  }),
  [
    ['Google signs in', 'LinkedIn signs in'],
    { maker: 'out', profile: 'gone', status: 200, identities: ['google', 'linkedin'] },
  ],
  [
    [IN_SESSION, 'LinkedIn signs in', 'Google signs in'],
    { maker: 'in', profile: 'kept', status: 200, identities: ['linkedin', 'google'] },
  ],

  // A promotion.
  [
    ['an administrator promotes it'],
    { maker: 'in', profile: 'kept', status: 409, type: 'email_not_verified', role: 'user' },
  ],
  [
    [CONFIRMED, 'an administrator promotes it'],
    { maker: 'in', profile: 'kept', status: 409, type: 'password_unproven', role: 'user' },
  ],
  [
    [CONFIRMED, 'its password is changed', 'an administrator promotes it'],
    { maker: 'in', profile: 'kept', status: 409, type: 'password_unproven', role: 'user' },
  ],
  [
    ['its password is reset', 'an administrator promotes it'],
    { maker: 'out', profile: 'gone', status: 200, role: 'moderator' },
  ],
  [
    ['Google signs in', 'an administrator promotes it'],
    { maker: 'out', profile: 'gone', status: 200, role: 'moderator', identities: ['google'] },
  ],
  [['the operator makes it an administrator'], { maker: 'out', profile: 'gone', status: 0, role: 'admin' }],
  [[CONFIRMED, 'the operator makes it an administrator'], { maker: 'out', profile: 'kept', status: 0, role: 'admin' }],
];

async function made(): Promise<Account> {
  const account: Account = await service.member({ email: uniqueEmail() });
  expect((await service.put('/users/profile', PROFILE, account.access)).status).toBe(200);
  expect((await service.put('/users/preferences', PREFERENCES, account.access)).status).toBe(200);
  return account;
}

/** Tokens of the profile for each way in that the maker has had, where it still opens. */
async function waysInOf({ email, password, access, refresh }: Account): Promise<string[]> {
  const answers = [
    await service.post('/auth/login', { email, password }),
    await service.post('/auth/refresh', { refresh_token: refresh }),
  ];
  const tokens = [access, ...answers.map(({ body }) => body.access_token)];
  const profiles = await Promise.all(tokens.map((token) => service.get('/users/profile', token)));
  return tokens.filter((_, index) => profiles[index]!.status === 200);
}

async function profileOf({ id }: Member) {
  const [row] = await service.sql(
    `SELECT u.*, to_jsonb(p) - '{id,user_id,created_at,updated_at}'::text[] AS preferences
       FROM users u JOIN user_preferences p ON p.user_id = u.id WHERE u.id = $1`,
    [id],
  );
  return row!;
}

/** What became of each part that the maker wrote. */
async function remainsOf(account: Account): Promise<string[]> {
  const { preferences, ...row } = await profileOf(account);
  const { name, ...fields } = PROFILE;
  const kept = [
    row.name === name,
    ...Object.keys(fields).map((field) => row[field] !== null),
    ...Object.keys(PREFERENCES).map((field) => !isDeepStrictEqual(preferences[field], fresh.preferences[field])),
  ];
  return [...new Set(kept.map((is) => (is ? 'kept' : 'gone')))];
}

describe.each(ORDERS)('an account that was registered, then %j', (steps, outcome) => {
  it(`has its maker ${outcome.maker}, its profile ${outcome.profile}, and its owner always has a way in`, async () => {
    const account = await made();
    for (const step of steps) account.last = await STEPS[step](account);
    expect([account.last!.status, account.last!.body?.error?.type]).toEqual([outcome.status, outcome.type]);
    expect((await profileOf(account)).role).toBe(outcome.role ?? 'user');
    expect(await waysInOf(account)).toHaveLength(outcome.maker === 'in' ? 3 : 0);
    expect(await remainsOf(account)).toEqual([outcome.profile]);
    const identities = await identitiesOf(service, account.id);
    expect(identities.map(({ provider }) => provider)).toEqual(outcome.identities ?? []);

    await reset(account);
    const written = await service.put('/users/profile', { bio: 'of the owner' }, account.owner);
    expect(written.status).toBe(200);
    expect(await waysInOf(account)).toEqual([]);
  });
});
