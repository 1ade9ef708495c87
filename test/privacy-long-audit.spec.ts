import { AuditRedactions } from '../src/audit/audit-redactions.js';
import { PeriodicTask } from '../src/common/concurrency/periodic-task.js';
import { Member, TestApp } from './support/app.js';
import { addToAudit } from './support/audit.js';
import { until, within } from './support/until.js';
import { refuseRows } from './support/refused-rows.js';

/** More than a transaction blanks, and more than a statement can within its limit. */
const [LONG, TOO_LONG] = [3000, 20_000];
let service: TestApp;

beforeAll(async () => {
  // Rounds come when a spec wants one: by itself the first instance could finish what is left to the others.
  jest.spyOn(PeriodicTask.prototype, 'start').mockReturnValue();
  // A short limit: what is long must not be one statement. What is short takes some milliseconds, on a busy machine more.
  service = await TestApp.start({ DATABASE_STATEMENT_TIMEOUT_MS: '400' });
});
afterAll(() => service.stopAndDrop());

async function memberWithAudit(entries: number): Promise<Member> {
  const member = await service.member();
  for (let added = 0; added < entries; added += 500) await addToAudit(service, member.id, 500);
  return member;
}

const erase = ({ access, password }: Member) => service.delete('/users/profile', access, { password });

/** Entries that still say more than an id, and jobs to blank them. */
async function left({ id }: Member): Promise<[entries: number, jobs: number]> {
  const [row] = await service.sql(
    `SELECT (SELECT count(*)::int FROM audit_logs WHERE target_id = $1
                AND num_nonnulls(reason, ip_address, request_id, before, after) > 0) AS entries,
            (SELECT count(*)::int FROM audit_redactions WHERE user_id = $1) AS jobs`,
    [id],
  );
  return [row!.entries, row!.jobs];
}

describe('the erasure of an account with a long audit', () => {
  it('waits for the audit', async () => {
    const member = await memberWithAudit(LONG);
    const answer = await erase(member);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await left(member)).toEqual([0, 0]);
  });

  it('answers in time if the audit takes longer than the statement timeout, and finishes afterwards', async () => {
    const member = await memberWithAudit(TOO_LONG);
    const answer = await within(5000, () => erase(member));
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
    // On a busy machine a batch may run into the limit too; what is left is for the next round.
    const redactions = service.app.get(AuditRedactions);
    await until(async () => {
      await redactions.finish();
      return (await left(member)).every((count) => count === 0);
    }, 20_000);
  });

  it('is finished by another instance if the process dies after the commit', async () => {
    const member = await memberWithAudit(LONG);
    const redactions = service.app.get(AuditRedactions);
    const died = jest.spyOn(redactions, 'finish').mockResolvedValue();
    expect((await erase(member)).status).toBe(204);
    died.mockRestore();
    const [entries, jobs] = await left(member);
    expect([entries > LONG / 2, jobs]).toEqual([true, 2]);
    const others = [await TestApp.start(), await TestApp.start()];
    await Promise.all(others.map(({ app }) => app.get(AuditRedactions).finish()));
    for (const other of others) await other.stop();
    expect(await left(member)).toEqual([0, 0]);
  });

  it('keeps the audit if the account is not deleted', async () => {
    const member = await memberWithAudit(LONG);
    const allow = await refuseRows(service, 'DELETE ON users');
    expect((await erase(member)).status).toBe(500);
    await allow();
    const [entries, jobs] = await left(member);
    expect([entries > LONG, jobs]).toEqual([true, 0]);
  });
});

it('exports every entry of a long audit once, oldest first', async () => {
  const member = await memberWithAudit(TOO_LONG);
  const { status, body } = await service.get('/users/profile/export', member.access);
  expect(status).toBe(200);
  const ids: string[] = body.audit.map(({ id }: { id: string }) => id);
  const rows = await service.sql('SELECT id FROM audit_logs WHERE target_id = $1', [member.id]);
  expect([ids.length, new Set(ids)]).toEqual([TOO_LONG + 1, new Set(rows.map(({ id }) => id))]);
  const times: string[] = body.audit.map(({ at }: { at: string }) => at);
  expect(times).toEqual(times.toSorted());
});
