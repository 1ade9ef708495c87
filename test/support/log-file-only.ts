// Imported by specs that read LOG_FILE; keeps the log off standard output.
import { BufferedLogWriter } from '../../src/common/logging/buffered-log-writer.js';

const writer = BufferedLogWriter.prototype as unknown as { label: string; write(line: string): void };
const { write } = writer;

beforeAll(() => {
  writer.write = function (line) {
    if (this.label !== 'standard output') write.call(this, line);
  };
});
afterAll(() => {
  writer.write = write;
});
