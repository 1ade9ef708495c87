import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsObject } from 'class-validator';

/** The JSON of a WebAuthn credential (WebAuthn Level 3 §5.1), checked where it is used. */
export function CredentialField(required = true) {
  const description = '`PublicKeyCredential.toJSON()` of the browser';
  return applyDecorators(ApiProperty({ type: Object, additionalProperties: true, description, required }), IsObject());
}
