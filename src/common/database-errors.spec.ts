import { databaseError } from './database-errors.js';

const refusal = (code: string) => databaseError(Object.assign(new Error('refused'), { driverError: { code } }))?.type;

it.each(['22001', '22003', '22007', '22008', '22021', '22P02', '22P05'])(
  'a value that PostgreSQL cannot use (%s) is the fault of the request',
  (code) => expect(refusal(code)).toBe('bad_request'),
);

it('no connection left is overload, which a 503 would make worse', () => expect(refusal('53300')).toBe('busy'));

it.each(['22012', '23502', '42601', '42703'])('a statement that is wrong (%s) is not', (code) =>
  expect(refusal(code)).toBeUndefined(),
);
