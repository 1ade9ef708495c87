// Imported first by a spec that reads LOG_FILE: the copy on standard output would stand between the test results.
jest.mock('pino', () => {
  const actual = jest.requireActual<typeof import('pino')>('pino');
  const destination = ({ fd, ...options }: { fd?: number; dest?: string }) =>
    actual.destination(fd === 1 ? { ...options, dest: '/dev/null' } : options);
  return { ...actual, destination };
});
