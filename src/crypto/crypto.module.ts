import { Global, Module } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { FieldCipher } from './field-cipher.js';
import { KeyRing } from './key-ring.js';
import { PasswordHasher } from './password-hasher.js';

@Global()
@Module({
  providers: [
    {
      provide: FieldCipher,
      inject: [Settings],
      useFactory: (settings: Settings) => new FieldCipher(settings.encryptionKeys),
    },
    KeyRing,
    PasswordHasher,
  ],
  exports: [FieldCipher, KeyRing, PasswordHasher],
})
export class CryptoModule {}
