/** All error types with status and text. The types are stable: clients branch on them. */
export const ERRORS = {
  validation_failed: [400, 'Some fields are not valid'],
  invalid_json: [400, 'The body is not valid JSON'],
  bad_request: [400, 'The request is not valid'],
  weak_password: [400, 'The password does not meet the rules'],
  invalid_or_expired_token: [400, 'The link is not valid, has been used or has expired'],
  invalid_state: [400, 'The sign-in was not started here, has expired or was used already'],
  invalid_code: [400, 'The code is not valid, has been used or has expired'],
  redirect_not_allowed: [400, 'The redirect address is not on the list of allowed ones'],
  oauth_denied: [400, 'The sign-in was declined at the provider'],
  unauthenticated: [401, 'A valid access token is required'],
  invalid_credentials: [401, 'E-mail or password is wrong'],
  invalid_mfa_code: [401, 'The code is wrong, or was used already'],
  invalid_passkey: [401, 'The passkey is not valid here'],
  invalid_refresh_token: [401, 'The refresh token is not valid or has expired'],
  refresh_token_reused: [401, 'The refresh token was used before; the session has been ended'],
  oauth_failed: [401, 'The provider did not confirm the sign-in'],
  forbidden: [403, 'You may not do this'],
  account_disabled: [403, 'This account is disabled'],
  provider_email_unverified: [403, 'The provider has not verified your e-mail address'],
  recent_sign_in_required: [403, 'Sign in again before you do this'],
  mfa_required: [403, 'A second factor is required'],
  not_found: [404, 'There is nothing here'],
  provider_not_configured: [404, 'Sign-in with this provider is not set up'],
  method_not_allowed: [405, 'This address does not answer that method'],
  request_timeout: [408, 'The request took too long to arrive'],
  email_taken: [409, 'An account with this e-mail address exists already'],
  email_not_verified: [409, 'The e-mail address of the account is not confirmed yet'],
  password_unproven: [
    409,
    'The owner of the address may not have chosen the password; it must be reset by a mailed link first',
  ],
  identity_taken: [409, 'This provider account belongs to another user'],
  last_sign_in_method: [409, 'This is the only way into the account'],
  own_account: [409, 'You cannot do this to your own account'],
  last_admin: [409, 'At least one active administrator must remain'],
  payload_too_large: [413, 'The body is too large'],
  uri_too_long: [414, 'The address is too long'],
  unsupported_media_type: [415, 'This type of content is not accepted here'],
  invalid_image: [422, 'The file is not an image that can be used'],
  provider_unavailable: [424, 'The sign-in provider does not answer'],
  storage_unavailable: [424, 'Pictures cannot be stored or read right now'],
  rate_limited: [429, 'Too many attempts; try again later'],
  busy: [429, 'Too much is going on right now; try again in a moment'],
  headers_too_large: [431, 'The request headers are too large'],
  internal_error: [500, 'Something went wrong on our side'],
  database_unavailable: [503, 'The database cannot be reached, or takes no changes at the moment'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type ErrorType = keyof typeof ERRORS;

/**
 * What can be wrong with a field, as stable as the types above: front ends translate these words. If one value breaks several
 * rules, the answer names the first in this order.
 */
export const RULES = [
  'required',
  'unknown_field',
  'invalid_name',
  'invalid_type',
  'too_short',
  'too_long',
  'too_small',
  'too_large',
  'too_many',
  'invalid_characters',
  'invisible',
  'invalid_format',
  'invalid_choice',
  'duplicate',
  'out_of_order',
  'out_of_range',
  'mismatch',
  'taken',
  'too_simple',
  'too_common',
  'same_as_current',
  'too_far',
  'too_broad',
  'undecodable',
] as const;

export type Rule = (typeof RULES)[number];

export interface ErrorDetail {
  field: string;
  rule: Rule;
  message: string;
}

const MAX_DETAILS_ENTRIES = 20;
/** Of the details as JSON; keeps an error below 8 KiB even if the request's field names are long. */
const MAX_DETAILS_BYTES = 6 * 1024;

function capDetails(details: ErrorDetail[]): ErrorDetail[] {
  let bytes = 0;
  return details
    .slice(0, MAX_DETAILS_ENTRIES)
    .filter((detail) => (bytes += Buffer.byteLength(JSON.stringify(detail))) <= MAX_DETAILS_BYTES);
}

interface ErrorExtras {
  /** The token was never issued by this service. */
  forged?: boolean;
  /** Replaces the message of the table. */
  message?: string;
  details?: ErrorDetail[];
  /** Stands beside `error` in the body. */
  beside?: Record<string, unknown>;
  /** Seconds, sent as `Retry-After`. */
  retryAfter?: number;
  /** Sent as `Allow`. */
  allow?: string;
  /** The request carried an access token, which `WWW-Authenticate` calls invalid (RFC 6750 §3.1). */
  invalidToken?: boolean;
}

/** An error that is meant for the client; anything else thrown is answered 500 and logged. */
export class AppError extends Error {
  readonly status: number;
  readonly extras: ErrorExtras;

  constructor(
    readonly type: ErrorType,
    { details, ...extras }: ErrorExtras = {},
  ) {
    super(extras.message ?? ERRORS[type][1]);
    this.status = ERRORS[type][0];
    this.extras = details ? { ...extras, details: capDetails(details) } : extras;
  }

  /** Fastify's name for `status`, read when a hook or a body parser throws outside Nest. */
  get statusCode(): number {
    return this.status;
  }
}

/** `unauthenticated` for a request whose access token is invalid or has expired. */
export const invalidAccessToken = (forged = false) => new AppError('unauthenticated', { invalidToken: true, forged });

/** `validation_failed` for one field. */
export const invalidField = (field: string, rule: Rule, message: string) =>
  new AppError('validation_failed', { details: [{ field, rule, message }] });

/** The body of every error. `message` is there twice because older clients read it at the top level. */
export function errorBody(error: AppError, requestId: string) {
  const { type, status, message, extras } = error;
  const part = { code: status, type, message, details: extras.details ?? [] };
  return { error: part, message, request_id: requestId, ...extras.beside };
}

export function errorHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.type === 'unauthenticated')
    headers['www-authenticate'] = error.extras.invalidToken ? 'Bearer error="invalid_token"' : 'Bearer';
  if (error.extras.retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, error.extras.retryAfter));
  // The rest of the body will not be read.
  if (error.type === 'request_timeout') headers.connection = 'close';
  if (error.extras.allow !== undefined) headers.allow = error.extras.allow;
  return headers;
}
