import { isEmail } from 'class-validator';
import tr46 from 'tr46';

const MAX_ADDRESS_CHARS = 254;
const MAX_LOCAL_PART_CHARS = 64;
/** More than any address has in any spelling. Normalization takes quadratic time. */
const MAX_SPELLING_CHARS = 320;

/** Characters that are not always displayed. UTS #46 drops many of them, which would give one mailbox unlimited spellings. */
const UNSEEN = String.raw`[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]`;
const HAS_UNSEEN = new RegExp(UNSEEN, 'u');
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu');

/** RFC 5321, §4.1.2: Dot-string. Quoted strings are refused: they give one mailbox unlimited spellings. */
const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
/** A single label, a label that starts or ends with a hyphen, or a name that URLs parse as an IPv4 address. */
const NO_MAIL_DOMAIN = /^[^.]*$|(^|\.)-|-(\.|$)|\.(\d+|0x[\da-f]*)$/;

// No checkHyphens: it refuses real domains such as ab--c.org.
const DOMAIN_RULES = { checkBidi: true, checkJoiners: true, useSTD3ASCIIRules: true, verifyDNSLength: true };

/**
 * The canonical spelling of a mailbox: lower case, the domain as its A-label (UTS #46).
 * @returns null if it is not an address or has invisible characters
 */
export function canonicalEmail(spelling: string): string | null {
  // `trim` would remove these.
  if (spelling.length > MAX_SPELLING_CHARS || /[\ufeff\u2028\u2029]/.test(spelling)) return null;
  const address = spelling.trim();
  const [local = '', domain = '', ...more] = address.split('@');
  if (more.length > 0 || local.length > MAX_LOCAL_PART_CHARS || !LOCAL_PART.test(local) || HAS_UNSEEN.test(domain))
    return null;
  const ascii = tr46.toASCII(domain, DOMAIN_RULES);
  if (ascii === null || NO_MAIL_DOMAIN.test(ascii)) return null;
  const email = `${local.toLowerCase()}@${ascii}`;
  return email.length <= MAX_ADDRESS_CHARS ? email : null;
}

export const isEmailAddress = (value: unknown): boolean => typeof value === 'string' && canonicalEmail(value) !== null;

/** The spelling that older releases stored; some accounts still have it. */
export function legacyEmail(spelling: string): string {
  if (spelling.length > MAX_SPELLING_CHARS) return spelling;
  return spelling.normalize('NFKC').trim().toLowerCase().normalize('NFKC');
}

/** Accepts canonical and legacy spellings. */
export const isKnownSpelling = (value: unknown): boolean =>
  isEmailAddress(value) || (isEmail(value) && !(value as string).startsWith('"'));

/** The key for rate limits: equal for all spellings of a mailbox, including those that new accounts cannot use. */
export function mailboxOf(spelling: string): string {
  const seen = legacyEmail(spelling.replace(ALL_UNSEEN, ''));
  return canonicalEmail(seen) ?? seen;
}
