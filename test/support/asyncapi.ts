import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';
import type { Received } from './kafka.js';

export const document = parse(readFileSync('docs/asyncapi.yaml', 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, 'asyncapi');

/** The user that a value of either topic names. */
export const userOf = ({ user_id, sub_id }: any): string => user_id ?? (sub_id.user ?? sub_id).sub;

/** What the document has against a message; empty where it is as described. */
export function complaints({ key, value, headers }: Received): unknown[] {
  const name = Object.keys(document.components.messages).find(
    (message) => document.components.messages[message].name === headers.event_type,
  );
  const check = (pointer: string, data: unknown) => {
    const validate = ajv.getSchema(`asyncapi#/components/schemas/${pointer}`)!;
    return validate(data) ? [] : validate.errors!;
  };
  return [...check(name ?? 'none', value), ...check('headers', headers), ...(key === userOf(value) ? [] : [key])];
}
