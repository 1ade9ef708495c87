// Imported first by a spec that reads LOG_FILE: the copy on standard output would stand between the test results.
jest.mock('../../src/common/logging/buffered-log-writer.js', () => {
  const { BufferedLogWriter } = jest.requireActual<typeof import('../../src/common/logging/buffered-log-writer.js')>(
    '../../src/common/logging/buffered-log-writer.js',
  );
  class FileOnly extends BufferedLogWriter {
    constructor(where: number | string, name: string) {
      super(where === 1 ? '/dev/null' : where, name);
    }
  }
  return { BufferedLogWriter: FileOnly };
});
