import { readSettings, SettingsError } from '../../src/config/settings.js';

export type Values = Record<string, string | undefined>;

export const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
export const DEVELOPMENT: Values = { JWT_SECRET: 'short', ENCRYPTION_KEYS: `k1:${KEY}` };
export const PRODUCTION: Values = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://u:p@db/meetinity',
  PUBLIC_BASE_URL: 'https://api.example.com',
  JWT_SECRET: 'Tq8v1oZ0yKc3mW9xJr5uLd7nBf2hPa6e',
  ENCRYPTION_KEYS: `k1:${KEY}`,
};

export const read = (values: Values = {}) => readSettings({ ...DEVELOPMENT, ...values });
export const readProduction = (values: Values = {}) => readSettings({ ...PRODUCTION, ...values });

/** The error of an invalid environment. */
export function refusal(values: Values): string {
  try {
    readSettings(values);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(values)}`);
}
