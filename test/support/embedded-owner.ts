// A process that owns an embedded PostgreSQL, for the specs that kill it. Argument: the data folder.
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';

const lines: string[] = [];
const log = (line: string) => lines.push(line);
const { stop, ...server } = await startEmbeddedPostgres({ dataDir: process.argv[2]!, flags: { fsync: 'off' }, log });
console.log(JSON.stringify({ ...server, lines }));
// Ends, and stops the server, when the parent closes the pipe.
process.stdin.resume().once('end', () => void stop().then(() => process.exit(0)));
