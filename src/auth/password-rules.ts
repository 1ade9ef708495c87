import { AppError, ErrorDetail } from '../common/errors.js';
import { isCommon } from './common-passwords.js';

const CLASSES = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u];

/** bcrypt reads no further. */
const MAX_BYTES = 72;

interface Owner {
  email: string;
  name: string;
  /** The password that is to be replaced. */
  current?: string;
}

/** The rules a password breaks, in words; empty for a good one. Source: NIST SP 800-63B §5.1.1.2, OWASP ASVS 2.1. */
export function brokenRules(password: string, owner: Owner): string[] {
  const characters = [...password].length;
  const classes = CLASSES.filter((pattern) => pattern.test(password)).length;
  const lower = password.toLowerCase();
  const rules: [broken: boolean, message: string][] = [
    [characters < 8, 'must have at least 8 characters'],
    [Buffer.byteLength(password) > MAX_BYTES, `must have at most ${MAX_BYTES} bytes`],
    [
      characters < 12 && classes < 3,
      'must have 12 characters, or three of: lower case, upper case, digits, other characters',
    ],
    [lower === owner.email || lower === owner.email.split('@')[0], 'must not be the e-mail address'],
    [lower === owner.name.toLowerCase(), 'must not be the name'],
    [isCommon(password), 'must not be one of the 10,000 most common passwords'],
    [password === owner.current, 'must differ from the current one'],
  ];
  return rules.filter(([broken]) => broken).map(([, message]) => message);
}

/** @throws AppError `weak_password`, with the broken rules under the field's name */
export function requireGoodPassword(password: string, owner: Owner, field = 'password'): void {
  const details: ErrorDetail[] = brokenRules(password, owner).map((message) => ({
    field,
    message: `${field} ${message}`,
  }));
  if (details.length > 0) throw new AppError('weak_password', { details });
}
