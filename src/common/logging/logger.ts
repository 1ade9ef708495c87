import type { LoggerService } from '@nestjs/common';
import { Logger as PinoLogger, multistream, pino } from 'pino';
import { BufferedLogWriter } from './buffered-log-writer.js';

export type Logger = PinoLogger;

/** Keys whose values are redacted, up to three levels deep. */
const SECRET_KEYS = [
  'password',
  'current_password',
  'new_password',
  'token',
  'access_token',
  'refresh_token',
  'authorization',
  'cookie',
  'code',
  'email',
  'name',
  'phone',
  'date_of_birth',
];

/** A line of the log must fit into one write to a pipe, 4,096 bytes. */
const MAX_MESSAGE_CHARS = 800;
const MAX_STACK_CHARS = 1600;

const REDACTED = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** ISO 8601, formatted once a millisecond: under load many lines share it. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stamped.at) stamped = { at: now, text: `,"time":"${new Date(now).toISOString()}"` };
  return stamped.text;
}
let stamped = { at: 0, text: '' };

/**
 * Logs an allow-list of an error's fields: the parameters of a failed statement and PostgreSQL's `detail` hold addresses and
 * hashes, which redaction by key does not find.
 */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, constraint, table } = error as Error & Record<string, unknown>;
  const { type, message, stack } = pino.stdSerializers.err(error);
  // Not `code`: that key is redacted, because it also names one-time codes.
  const cut = { message: message.slice(0, MAX_MESSAGE_CHARS), stack: stack?.slice(0, MAX_STACK_CHARS) };
  return { type, ...cut, error_code: code, constraint, table };
}

/**
 * Logs JSON lines to standard output.
 * @param file path of a second copy, or null; its folder is created
 * @throws Error if the file cannot be opened
 */
export function createLogger(level: string, file: string | null): Logger {
  const streams = [{ level: 'trace' as const, stream: new BufferedLogWriter(1, 'standard output') }];
  if (file) streams.push({ level: 'trace', stream: new BufferedLogWriter(file, 'LOG_FILE') });
  return pino(
    {
      level,
      base: { service: 'user-service' },
      timestamp,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    file ? multistream(streams) : streams[0]!.stream,
  );
}

/** The same log for lines made of an allow-list of fields: the search for secrets would cost more than the line. */
export function withoutRedaction(logger: Logger): Logger {
  return logger.child({}, { redact: { paths: [] } });
}

/** Passes the log of Nest and its libraries on to ours. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  error(message: unknown, ...rest: unknown[]): void {
    const stack = rest.find((item) => typeof item === 'string' && item.includes('\n'));
    this.logger.error({ err: message instanceof Error ? message : undefined, stack }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }

  debug(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
}
