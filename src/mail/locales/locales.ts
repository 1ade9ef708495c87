import { en } from './en.js';
import { fr } from './fr.js';
import type { Texts } from './texts.js';

/** A further language is one file, and its name here. */
const TEXTS = { en, fr } satisfies Record<string, Texts>;

export type Locale = keyof typeof TEXTS;
export const LOCALES = Object.keys(TEXTS) as Locale[];

const MAX_RANGES_ENTRIES = 16;
const MAX_RANGE_CHARS = 256;
const RANGE = /^\s*([a-z]{1,8})(?:-[a-z\d-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i;

export const isLocale = (value: unknown): value is Locale => LOCALES.includes(value as Locale);

export const textsOf = (locale: string): Texts => (isLocale(locale) ? TEXTS[locale] : en);

/** The language that an Accept-Language header prefers (RFC 9110 §12.5.4), by primary subtag: `fr-CA` is `fr`. */
export const localeOf = (header: string | null): Locale => preferredLocale(header) ?? 'en';

/** Like `localeOf`. @returns null if the header names no known language */
export function preferredLocale(header: string | null): Locale | null {
  const ranges = (header ?? '').split(',', MAX_RANGES_ENTRIES).map((range) => {
    const [, tag = '', quality = '1'] = RANGE.exec(range.slice(0, MAX_RANGE_CHARS)) ?? [];
    return { tag: tag.toLowerCase(), quality: Number(quality) };
  });
  const known = ranges.filter(({ tag, quality }) => quality > 0 && isLocale(tag));
  return (known.sort((a, b) => b.quality - a.quality)[0]?.tag as Locale | undefined) ?? null;
}
