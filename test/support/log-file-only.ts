// Imported first by specs that read LOG_FILE; keeps the log off standard output.
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
