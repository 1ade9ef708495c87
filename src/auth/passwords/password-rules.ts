import { Injectable } from '@nestjs/common';
import { AppError, ErrorDetail, Rule } from '../../common/errors.js';
import { toNfc } from '../../common/dto/text.js';
import { MAX_PASSWORD_CHARS } from '../../crypto/password-hasher.js';
import { StrengthWorker } from './strength-worker.js';

const MIN_PASSWORD_CHARS = 8;
const MIN_WORD_CHARS = 3;
const PLATFORM = 'meetinity';

interface Owner {
  email: string;
  name: string;
  /** The password to be replaced. */
  current?: string;
}

type Violation = [rule: Rule, message: string];

/** What a guesser tries first for this person. */
function wordsOf({ email, name }: Owner): string[] {
  const texts = [email, name].map((text) => text.toLowerCase());
  const parts = texts.flatMap((text) => [text, text.split(/[^\p{L}\p{N}]+/u).join(''), ...text.split(/[^\p{L}]+/u)]);
  return [...new Set([PLATFORM, ...parts])].filter((word) => word.length >= MIN_WORD_CHARS);
}

/** The rules for new passwords: length and strength, no classes of characters (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 6.2). */
@Injectable()
export class PasswordRules {
  constructor(private readonly strength: StrengthWorker) {}

  /** @throws AppError `weak_password`, with the broken rules under the field's name; `busy` */
  async check(password: string, owner: Owner, field = 'password'): Promise<void> {
    // As it is hashed.
    const violations = await this.violations(toNfc(password), owner);
    const details = violations.map(([rule, message]): ErrorDetail => ({ field, rule, message: `${field} ${message}` }));
    if (details.length > 0) throw new AppError('weak_password', { details });
  }

  private async violations(password: string, owner: Owner): Promise<Violation[]> {
    const { length } = [...password];
    if (length < MIN_PASSWORD_CHARS) return [['too_short', `must have at least ${MIN_PASSWORD_CHARS} characters`]];
    if (length > MAX_PASSWORD_CHARS) return [['too_long', `must have at most ${MAX_PASSWORD_CHARS} characters`]];
    if (password === toNfc(owner.current ?? '')) return [['same_as_current', 'must differ from the current one']];
    const { isWeak, isCommon, advice } = await this.strength.judge(password, wordsOf(owner));
    if (isWeak) return [['too_simple', `is too easy to guess. ${advice}`.trim()]];
    return isCommon ? [['too_common', 'must not be one of the 10,000 most common passwords. Add another word.']] : [];
  }
}
