import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsObject } from 'class-validator';
import { OptionalField } from '../../common/dto/text-fields.js';

/** The JSON of a WebAuthn credential (WebAuthn Level 3 §5.1), checked where it is used. */
export function CredentialField(required = true) {
  const description = '`PublicKeyCredential.toJSON()` of the browser';
  return applyDecorators(ApiProperty({ type: Object, description, required }), IsObject());
}

/** Of a request that has another proof as well. */
export const OptionalCredentialField = () => applyDecorators(OptionalField(), CredentialField(false));

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return value === '' ? undefined : JSON.parse(value);
  } catch {
    return value;
  }
}

/** For a field of the name in a form: the same as JSON, or empty. */
export function CredentialInForm() {
  const description = 'JSON text of `PublicKeyCredential.toJSON()` of the browser, or empty';
  return applyDecorators(
    ApiProperty({ type: String, description, required: false }),
    Transform(({ value }) => parseJson(value)),
  );
}
