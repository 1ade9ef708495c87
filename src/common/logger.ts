import type { LoggerService } from '@nestjs/common';
import { destination, Logger as PinoLogger, multistream, pino } from 'pino';

export type Logger = PinoLogger;

/** Keys whose values never reach a log, wherever they stand in an object up to three levels deep. */
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

const REDACTED = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/**
 * JSON lines on standard output and, where named, in a file. Lines are buffered in bulk loads and flushed on exit.
 * @param file path of a second copy, its folder is made
 */
export function createLogger(level: string, file: string | null): Logger {
  const streams = [{ level: 'trace' as const, stream: destination({ fd: 1, sync: false }) }];
  if (file) streams.push({ level: 'trace', stream: destination({ dest: file, mkdir: true, sync: false }) });
  return pino(
    {
      level,
      base: { service: 'user-service' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    file ? multistream(streams) : streams[0]!.stream,
  );
}

/** Lets Nest and its libraries write to the same log. */
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
