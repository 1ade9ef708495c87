import { PRIVATE_KEY_FIELD } from './auth/keys/key-rotation.js';
import { SECRET_FIELD } from './auth/mfa/totp-factors.js';
import type { EncryptedColumns } from './crypto/reencryption.js';
import { CONTENTS_FIELD } from './mail/mail-queue.js';

/** Everything that `FieldCipher` has encrypted and `npm run keys:reencrypt` moves to the first key. */
export const encryptedColumns: EncryptedColumns[] = [
  { table: 'users', key: 'id', keyType: 'uuid', fields: { phone: 'phone', date_of_birth: 'date_of_birth' } },
  { table: 'signing_keys', key: 'kid', keyType: 'text', fields: { private_key: PRIVATE_KEY_FIELD } },
  { table: 'mail_queue', key: 'id', keyType: 'uuid', fields: { contents: CONTENTS_FIELD } },
  { table: 'mfa_factors', key: 'id', keyType: 'uuid', fields: { secret: SECRET_FIELD } },
];
