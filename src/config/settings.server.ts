import type { EnvReader } from './env-reader.js';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'warning', 'info', 'debug', 'trace', 'silent'] as const;

/** Entries are compared with the `Origin` header as strings, so only its serialized form can match (RFC 6454, §6.2). */
export function readOrigins(env: EnvReader): string[] {
  const origins = env.list('CORS_ORIGINS', ['http://localhost:3000', 'http://localhost:3001', 'http://localhost:8080']);
  const isOrigin = (entry: string) => {
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@*]+$/.test(entry) || !URL.canParse(entry)) return false;
    // The schemes of apps have no serialized form.
    const { origin } = new URL(entry);
    return origin === 'null' || origin === entry;
  };
  if (!origins.every((entry) => entry === '*' || isOrigin(entry)))
    env.fault('CORS_ORIGINS must be a list of origins such as https://app.example.com, without paths, or *');
  return origins;
}

export function readPort(env: EnvReader): number {
  // Hosting platforms set PORT; APP_PORT takes precedence.
  const name = env.text('APP_PORT') === undefined && env.text('PORT') !== undefined ? 'PORT' : 'APP_PORT';
  return env.number(name, 8081, 0, 65_535);
}

export function readMetricsPort(env: EnvReader, port: number): number | null {
  if (env.text('METRICS_PORT') === undefined) return null;
  const own = env.number('METRICS_PORT', 0, 1, 65_535);
  if (own === port) env.fault('METRICS_PORT must differ from APP_PORT');
  return own;
}

/** The variables of the OpenTelemetry SDK, which has names of its own beside these; null: no traces. */
export function readTracing(env: EnvReader): Record<string, string> | null {
  const endpoint = env.url('OTEL_EXPORTER_OTLP_ENDPOINT', ['http:', 'https:']);
  const disabled = env.flag('OTEL_SDK_DISABLED', false);
  const tracesEndpoint = env.url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', ['http:', 'https:']) ?? endpoint;
  return tracesEndpoint === undefined || disabled ? null : env.startingWith('OTEL_');
}

/** Mailed links contain it, so production has no default. */
export function readPublicBaseUrl(env: EnvReader, production: boolean, port: number): string {
  if (production && env.text('PUBLIC_BASE_URL') === undefined)
    env.fault('PUBLIC_BASE_URL is required when NODE_ENV is production');
  return env.baseUrl('PUBLIC_BASE_URL', `http://localhost:${port}`)!;
}

export function readLogging(env: EnvReader) {
  const level = env.oneOf('LOG_LEVEL', LOG_LEVELS, 'info');
  return {
    level: level === 'warning' ? ('warn' as const) : level,
    file: env.text('LOG_FILE') ?? null,
    access: env.flag('ACCESS_LOG', true),
  };
}
