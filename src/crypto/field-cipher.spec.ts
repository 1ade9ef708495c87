import { randomUUID } from 'node:crypto';
import { DecryptionError, FieldCipher } from './field-cipher.js';

const key = (kid: string) => ({ kid, key: Buffer.alloc(32, `key of ${kid}`) });
const user = randomUUID();
const phone = '+14155552671';
const cipher = new FieldCipher([key('k1')]);

describe('an encrypted field', () => {
  it.each([phone, '', 'Zoë 🙂', 'x'.repeat(10_000)])('decrypts to the same text: %.20s', (clear) => {
    expect(cipher.decrypt(user, 'phone', cipher.encrypt(user, 'phone', clear))).toBe(clear);
  });

  it('has a different ciphertext each time, without the clear text in it', () => {
    const [one, two] = [cipher.encrypt(user, 'phone', phone), cipher.encrypt(user, 'phone', phone)];
    expect(one).not.toBe(two);
    expect(Buffer.from(one.split('.')[1]!, 'base64url').toString('latin1')).not.toContain(phone);
  });

  it('does not decrypt in another row', () => {
    const stored = cipher.encrypt(user, 'phone', phone);
    expect(() => cipher.decrypt(randomUUID(), 'phone', stored)).toThrow(DecryptionError);
  });

  it('does not decrypt in another field', () => {
    const stored = cipher.encrypt(user, 'phone', phone);
    expect(() => cipher.decrypt(user, 'date_of_birth', stored)).toThrow(DecryptionError);
  });

  it('does not decrypt if any byte was changed', () => {
    const [kid, body] = cipher.encrypt(user, 'phone', phone).split('.') as [string, string];
    const raw = Buffer.from(body, 'base64url');
    for (const [position, byte] of raw.entries()) {
      const altered = Buffer.from(raw);
      altered[position] = byte ^ 1;
      expect(() => cipher.decrypt(user, 'phone', `${kid}.${altered.toString('base64url')}`)).toThrow(DecryptionError);
    }
  });

  it.each(['', '.', 'k1.', 'k1', phone, `k1.${'A'.repeat(36)}`])('is refused if malformed: "%s"', (stored) => {
    expect(() => cipher.decrypt(user, 'phone', stored)).toThrow(DecryptionError);
  });
});

describe('key rotation', () => {
  it('decrypts with every configured key and encrypts with the first', () => {
    const old = cipher.encrypt(user, 'phone', phone);
    const rotated = new FieldCipher([key('k2'), key('k1')]);
    expect(rotated.decrypt(user, 'phone', old)).toBe(phone);
    expect(rotated.currentKeyId).toBe('k2');
    expect(rotated.encrypt(user, 'phone', phone)).toMatch(/^k2\./);
  });

  it('does not decrypt under a removed key, even if another key has its id', () => {
    const old = cipher.encrypt(user, 'phone', phone);
    expect(() => new FieldCipher([key('k2')]).decrypt(user, 'phone', old)).toThrow(DecryptionError);
    const impostor = new FieldCipher([{ kid: 'k1', key: key('k2').key }]);
    expect(() => impostor.decrypt(user, 'phone', old)).toThrow(DecryptionError);
  });

  it('refuses to start without a key', () => expect(() => new FieldCipher([])).toThrow('needs a key'));
});
