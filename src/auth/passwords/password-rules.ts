import { AppError, ErrorDetail, Rule } from '../../common/errors.js';
import { isCommon } from './common-passwords.js';

const CLASSES = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}]/u];

/** bcrypt ignores the rest. */
const MAX_BYTES = 72;

interface Owner {
  email: string;
  name: string;
  /** The password to be replaced. */
  current?: string;
}

/** The rules that a password breaks (NIST SP 800-63B §5.1.1.2, OWASP ASVS 2.1). */
export function passwordViolations(typed: string, owner: Owner): Omit<ErrorDetail, 'field'>[] {
  // As it is hashed.
  const password = typed.normalize('NFC');
  const characters = [...password].length;
  const classes = CLASSES.filter((pattern) => pattern.test(password)).length;
  const lower = password.toLowerCase();
  const rules: [broken: boolean, rule: Rule, message: string][] = [
    [characters < 8, 'too_short', 'must have at least 8 characters'],
    [Buffer.byteLength(password) > MAX_BYTES, 'too_long', `must have at most ${MAX_BYTES} bytes`],
    [
      characters < 12 && classes < 3,
      'too_simple',
      'must have 12 characters, or three of: lower case, upper case, digits, other characters',
    ],
    [lower === owner.email || lower === owner.email.split('@')[0], 'same_as_email', 'must not be the e-mail address'],
    [lower === owner.name.toLowerCase(), 'same_as_name', 'must not be the name'],
    [isCommon(password), 'too_common', 'must not be one of the 10,000 most common passwords'],
    [password === owner.current?.normalize('NFC'), 'same_as_current', 'must differ from the current one'],
  ];
  return rules.filter(([broken]) => broken).map(([, rule, message]) => ({ rule, message }));
}

/** @throws AppError `weak_password`, with the broken rules under the field's name */
export function requireGoodPassword(password: string, owner: Owner, field = 'password'): void {
  const details = passwordViolations(password, owner).map(({ rule, message }) => ({
    field,
    rule,
    message: `${field} ${message}`,
  }));
  if (details.length > 0) throw new AppError('weak_password', { details });
}
