// Runs an embedded PostgreSQL, for specs that kill this process. Argument: the data folder.
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';

const lines: string[] = [];
const log = (line: string) => lines.push(line);
const { stop, ...server } = await startEmbeddedPostgres({ dataDir: process.argv[2]!, flags: { fsync: 'off' }, log });
console.log(JSON.stringify({ ...server, lines }));
// Stops the server and exits when the parent closes the pipe.
process.stdin.resume().once('end', () => void stop().then(() => process.exit(0)));
