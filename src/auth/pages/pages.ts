import { createHash } from 'node:crypto';
import type { AppError } from '../../common/errors.js';
import { html, Html, htmlDocument } from '../../common/http/html.js';

const STYLE = `
:root{color-scheme:light dark}
body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f1f5f9;color:#0f172a}
main{max-width:26rem;margin:10vh auto 0;padding:2rem;background:#fff;border-radius:12px}
h1{font-size:1.4rem;margin:0 0 1rem}
label{display:block;font-weight:600;margin-top:1rem}
input[readonly]{border-style:dashed}
input{box-sizing:border-box;width:100%;font:inherit;padding:.6rem;border:1px solid #64748b;border-radius:6px}
button{margin-top:1.5rem;width:100%;font:inherit;font-weight:600;padding:.7rem;border:0;border-radius:6px;background:#1d4ed8;color:#fff;cursor:pointer}
:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
.hint{font-size:.875rem;color:#475569;margin:.25rem 0 0}
.errors{background:#fef2f2;color:#991b1b;border-radius:6px;padding:.75rem 1rem;margin:0}
.errors ul{margin:0;padding-left:1.2rem}
@media(prefers-color-scheme:dark){body{background:#0f172a;color:#f1f5f9}main{background:#1e293b}.hint{color:#cbd5e1}input{background:#0f172a;color:inherit}a{color:#93c5fd}}
`;

/** On one line: white space added by a formatter would change the hash. */
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Allows no script and no resource, only the style sheet by its hash (CSP Level 3). */
export const PAGE_CSP =
  `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; ` +
  `base-uri 'none'; frame-ancestors 'none'`;

function page(title: string, content: Html): Html {
  return htmlDocument(
    title,
    STYLE_ELEMENT,
    html`<main>
      <h1>${title}</h1>
      ${content}
    </main>`,
  );
}

function errorList(messages: string[]): Html | null {
  if (messages.length === 0) return null;
  return html`<div class="errors" id="errors" role="alert">
    <ul>
      ${messages.map((message) => html`<li>${message}</li>`)}
    </ul>
  </div>`;
}

/**
 * URLs are relative, because the service may run under a path prefix. The account is shown for password managers.
 * @param messages errors of the last submission
 */
export function resetPage({ token, email }: { token: string; email: string }, messages: string[] = []): Html {
  const described = messages.length > 0 ? 'rules errors' : 'rules';
  return page(
    'Set a new password',
    html`${errorList(messages)}
      <form method="post" action="../pages/password-reset">
        <input type="hidden" name="token" value="${token}" />
        <label for="email">Account</label>
        <input id="email" name="email" type="email" autocomplete="username" readonly value="${email}" />
        <label for="password">New password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="new-password"
          required
          aria-describedby="${described}"
        />
        <p class="hint" id="rules">
          8 to 128 characters that are hard to guess, such as three or four unrelated words.
        </p>
        <label for="repeat">Repeat the password</label>
        <input id="repeat" name="password_repeat" type="password" autocomplete="new-password" required />
        <button type="submit">Set the password</button>
      </form>`,
  );
}

/** The button confirms, not the link: mail scanners open links. */
export function verifyPage({ token, email }: { token: string; email: string }, messages: string[] = []): Html {
  return page(
    'Confirm your e-mail address',
    html`${errorList(messages)}
      <p>Please confirm that this e-mail address is yours.</p>
      <form method="post" action="../pages/email-verify">
        <input type="hidden" name="token" value="${token}" />
        <label for="email">Account</label>
        <input id="email" name="email" type="email" autocomplete="username" readonly value="${email}" />
        <label for="password">Your password, if you chose one (optional)</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          aria-describedby="${messages.length > 0 ? 'why errors' : 'why'}"
        />
        <p class="hint" id="why">
          It proves that you created the account yourself, so that you can keep your password.
        </p>
        <button type="submit">Confirm the address</button>
      </form>`,
  );
}

/** @param appUrl null if there is no front end */
export function donePage(title: string, text: string, appUrl: string | null): Html {
  return page(
    title,
    html`<p role="status">${text}</p>
      ${appUrl ? html`<p><a href="${appUrl}">Go to Meetinity</a></p>` : null}`,
  );
}

export function errorPage({ type, message }: AppError): Html {
  if (type === 'invalid_or_expired_token')
    return page(
      'This link no longer works',
      html`<p role="alert">It has already been used or has expired. Request a new one on the sign-in page.</p>`,
    );
  return page('Something went wrong', html`<p role="alert">${message}.</p>`);
}
