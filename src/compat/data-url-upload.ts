import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import { AppError, type Rule, invalidField } from '../common/errors.js';
import type { Collect } from '../users/avatars/multipart-upload-reader.js';

/** Of the body without the picture. */
const MAX_REST_BYTES = 4096;
/** Within a JSON text these quotation marks cannot stand: there each would follow a backslash. */
const IMAGE_START = /"image"\s*:\s*"data:image\/([a-z]+);base64,/;

const badImage = (rule: Rule, message: string) => invalidField('image', rule, `image ${message}`);

/**
 * Reads a JSON object whose `image` is a data URL (RFC 2397). The picture is decoded as it arrives and never held as text.
 * @returns the picture, its subtype such as `jpeg`, and the object with an empty `image`
 * @throws AppError `validation_failed`, `invalid_json`, `payload_too_large`, `unsupported_media_type`
 */
export async function readDataUrl(request: FastifyRequest, collect: Collect) {
  const found = { rest: '', subtype: '' };
  if (!request.streamedBody) throw new AppError('unsupported_media_type');
  const bytes = await collect(decode(request.streamedBody, found));
  const rest = Buffer.from(found.rest, 'latin1');
  if (!isUtf8(rest)) throw new AppError('invalid_json');
  const body = parseObject(rest.toString());
  return { bytes, subtype: found.subtype, body };
}

/** @throws AppError `validation_failed` where there was no data URL, or an empty one */
export function requirePicture({ bytes, subtype }: { bytes: Buffer; subtype: string }): void {
  if (!subtype) throw badImage('invalid_format', 'must be a data URL of a picture in base64');
  if (bytes.length === 0) throw badImage('too_short', 'must not be empty');
}

/** Bytes of the picture; what stands around it goes to `found`. Characters of `rest` are bytes. */
async function* decode(stream: AsyncIterable<Buffer>, found: { rest: string; subtype: string }) {
  let base64: string | null = null;
  for await (const chunk of stream) {
    let text = chunk.toString('latin1');
    if (base64 === null) {
      found.rest += text;
      const start = found.subtype ? null : IMAGE_START.exec(found.rest);
      if (start) {
        found.subtype = start[1]!;
        const end = start.index + start[0].length;
        text = found.rest.slice(end);
        found.rest = `${found.rest.slice(0, start.index)}"image":"`;
        base64 = '';
      }
    }
    if (base64 !== null) {
      const quote = text.indexOf('"');
      base64 += quote < 0 ? text : text.slice(0, quote);
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw badImage('invalid_format', 'must be base64');
      // Four characters are three bytes; the remainder waits for the next chunk.
      const whole: number = quote < 0 ? base64.length - (base64.length % 4) : base64.length;
      yield Buffer.from(base64.slice(0, whole), 'base64');
      base64 = quote < 0 ? base64.slice(whole) : null;
      if (quote >= 0) found.rest += text.slice(quote);
    }
    if (found.rest.length > MAX_REST_BYTES) throw new AppError('payload_too_large');
  }
}

function parseObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError('invalid_json');
  }
}
