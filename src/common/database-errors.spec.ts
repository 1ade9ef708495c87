import { databaseError } from './database-errors.js';

const refusal = (code: string) => databaseError(Object.assign(new Error('refused'), { driverError: { code } }))?.type;

it.each(['22001', '22003', '22007', '22008', '22021', '22P02', '22P05'])(
  'answers bad_request for a value that PostgreSQL cannot store (%s)',
  (code) => expect(refusal(code)).toBe('bad_request'),
);

it('answers busy if PostgreSQL has no connection left', () => expect(refusal('53300')).toBe('busy'));

it.each(['22012', '23502', '42601', '42703'])('does not map an invalid statement (%s)', (code) =>
  expect(refusal(code)).toBeUndefined(),
);
