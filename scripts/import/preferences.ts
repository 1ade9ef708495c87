import { foldCase, toLine } from '../../src/common/dto/text.js';
import type { UpdatePreferencesBody } from '../../src/preferences/preferences.dto.js';
import type { Values } from './source.js';

type Field = keyof UpdatePreferencesBody;

const MAX_TAGS_ENTRIES = 50;
const MAX_TAG_CHARS = 100;

/** Old names beside those of this service, case and separators left out. */
const OLD_NAMES: Record<string, Field> = {
  minage: 'age_min',
  maxage: 'age_max',
  radius: 'location_radius',
  discoveryradius: 'location_radius',
  discoveryradiuskm: 'location_radius',
  emailnotifications: 'notification_email',
  pushnotifications: 'notification_push',
  visibility: 'privacy_profile',
  profilevisibility: 'privacy_profile',
  showlocation: 'privacy_location',
};
const NUMBERS = ['age_min', 'age_max', 'location_radius'] as const;
const LISTS = ['industries', 'job_levels', 'interests'] as const;
const FLAGS = ['notification_email', 'notification_push', 'privacy_location'] as const;
const FIELDS: Record<string, Field> = Object.fromEntries(
  [...NUMBERS, ...LISTS, ...FLAGS, 'privacy_profile' as const].map((field) => [simplify(field), field]),
);

function simplify(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '');
}

export const isTrue = (text: unknown): boolean => /^(true|t|1|yes|y|on)$/i.test(String(text));

/**
 * Preferences from the rows of `user_preferences` (key and value), `interests` and `privacy_settings` (JSON text). Where the wish for
 * privacy cannot be read, the profile is private.
 */
export function readPreferences(values: Values, rows: Values[], notes: string[]): Record<string, unknown> {
  const settings = parseJson(values.privacy_settings);
  const isObject = typeof settings === 'object' && settings !== null && !Array.isArray(settings);
  const pairs: [string, unknown][] = [
    ['interests', values.interests],
    ...rows.map(({ key, value }): [string, unknown] => [key ?? '', value]),
    ...(isObject ? Object.entries(settings) : []),
  ];
  const found: Record<string, unknown> = {};
  for (const [name, value] of pairs) {
    const field = FIELDS[simplify(name)] ?? OLD_NAMES[simplify(name)];
    if (field && value != null && value !== '') found[field] = readValue(field, value);
  }
  if (values.privacy_settings && !isObject) found.privacy_profile = 'unreadable';
  if ('privacy_profile' in found && !['public', 'private', 'connections'].includes(String(found.privacy_profile))) {
    notes.push('profile made private: the setting is not known here');
    found.privacy_profile = 'private';
  }
  if (Number(found.age_min ?? 18) > Number(found.age_max ?? 65)) {
    notes.push('ages left out: they contradict each other');
    delete found.age_min;
    delete found.age_max;
  }
  return found;
}

function readValue(field: Field, value: unknown): unknown {
  if (LISTS.includes(field as never)) return readTags(value);
  const parsed = typeof value === 'string' ? (parseJson(value) ?? value) : value;
  if (NUMBERS.includes(field as never)) return Number(parsed);
  return FLAGS.includes(field as never) ? isTrue(parsed) : String(parsed).toLowerCase();
}

/** A JSON list, or words with commas between them, as far as they fit. */
export function readTags(given: unknown): string[] {
  const value = typeof given === 'string' ? (parseJson(given) ?? given) : given;
  const entries: unknown[] = Array.isArray(value) ? value : String(value ?? '').split(',');
  const tags = new Map<string, string>();
  for (const entry of entries) {
    const tag = typeof entry === 'string' ? toLine(entry, MAX_TAG_CHARS) : '';
    if (tag !== '' && !tags.has(foldCase(tag))) tags.set(foldCase(tag), tag);
  }
  return [...tags.values()].slice(0, MAX_TAGS_ENTRIES);
}

function parseJson(text: string | null | undefined): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
