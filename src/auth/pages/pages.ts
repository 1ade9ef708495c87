import type { FastifyRequest } from 'fastify';
import type { AppError } from '../../common/errors.js';
import { html, Html, htmlDocument } from '../../common/http/html.js';
import { isLocale, preferredLocale, textsOf } from '../../mail/locales/locales.js';
import type { PageTexts } from '../../mail/locales/texts.js';
import type { MfaMethod } from '../mfa/mfa.dto.js';
import { SCRIPT_ELEMENT, STYLE_ELEMENT } from './page-style.js';

interface Link {
  token: string;
  /** The account. */
  email: string;
}

/** The language of the form that was sent, or else of the browser; null if there is neither. */
export function pageLocale({ query, context }: FastifyRequest): string | null {
  const { lang } = query as { lang?: unknown };
  return isLocale(lang) ? lang : preferredLocale(context.acceptLanguage);
}

/** Pages in the language of their reader. */
export class Pages {
  private readonly texts: PageTexts;
  private readonly direction: string;

  private readonly locale: string;

  /** @param locale null: English */
  constructor(locale: string | null) {
    this.locale = locale ?? 'en';
    ({ pages: this.texts, direction: this.direction } = textsOf(this.locale));
  }

  /**
   * @param withCode a recovery code is asked for
   * @param withPasskey a passkey may take its place
   * @param messages errors of the last submission
   */
  reset({ token, email }: Link, withCode: boolean, withPasskey: boolean, messages: string[] = []): Html {
    const { title, text, password, repeat, code, button } = this.texts.reset;
    const field = html`<label for="code">${code}</label>
      <input id="code" name="recovery_code" autocomplete="off" required />`;
    const described = messages.length > 0 ? 'rules errors' : 'rules';
    return this.form(
      'password-reset',
      title,
      messages,
      null,
      html`${this.account(token, email)}
        <label for="password">${password}</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="new-password"
          required
          aria-describedby="${described}"
        />
        <p class="hint" id="rules">${text}</p>
        <label for="repeat">${repeat}</label>
        <input id="repeat" name="password_repeat" type="password" autocomplete="new-password" required />
        ${withCode ? field : null}
        <button type="submit">${button}</button>${withPasskey ? this.passkey() : null}`,
    );
  }

  /** The button confirms, not the link: mail scanners open links. */
  verify({ token, email }: Link, withPasskey: boolean, messages: string[] = []): Html {
    const { title, text, password, hint, button } = this.texts.verify;
    return this.form(
      'email-verify',
      title,
      messages,
      text,
      html`${this.account(token, email)}
        <label for="password">${password}</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          aria-describedby="${messages.length > 0 ? 'why errors' : 'why'}"
        />
        <p class="hint" id="why">${hint}</p>
        <button type="submit">${button}</button>${withPasskey ? this.passkey() : null}`,
    );
  }

  /** @param restores the address that the account gets back, or null. @param methods factors that are asked for */
  notMe(token: string, restores: string | null, methods: MfaMethod[], messages: string[] = []): Html {
    const { title, text, restores: restored, code, hint, button } = this.texts.notMe;
    const field = html`<label for="code">${code}</label>
      <input
        id="code"
        name="code"
        autocomplete="one-time-code"
        required
        aria-describedby="${messages.length > 0 ? 'why errors' : 'why'}"
      />
      <p class="hint" id="why">${hint}</p>`;
    return this.form(
      'not-me',
      title,
      messages,
      restores ? html`${text} ${restored(restores)}` : text,
      html`<input type="hidden" name="token" value="${token}" />${methods.length > 0 ? field : null}<button
          type="submit"
        >
          ${button}</button
        >${methods.includes('passkey') ? this.passkey() : null}`,
    );
  }

  resetDone = (appUrl: string | null) => this.done(this.texts.resetDone.title, this.texts.resetDone.text, appUrl);
  notMeDone = (appUrl: string | null) => this.done(this.texts.notMeDone.title, this.texts.notMeDone.text, appUrl);

  verifyDone(before: boolean, appUrl: string | null): Html {
    const { title, again, text } = this.texts.verifyDone;
    return this.done(before ? again : title, text, appUrl);
  }

  error({ type, message }: AppError): Html {
    const { linkDead, failure, errors } = this.texts;
    if (type === 'invalid_or_expired_token')
      return this.page(linkDead.title, html`<p role="alert">${linkDead.text}</p>`);
    const text = errors[type] ?? (this.locale === 'en' ? `${message}.` : failure.text);
    return this.page(failure.title, html`<p role="alert">${text}</p>`);
  }

  /** Of the errors that a form can correct. */
  messagesOf({ type, extras }: AppError): string[] {
    if (type === 'invalid_passkey') return [this.texts.wrongPasskey];
    if (type === 'invalid_mfa_code' || type === 'mfa_required') return [this.texts.wrongCode];
    if (type === 'invalid_credentials') return [this.texts.wrongPassword];
    return (extras.details ?? []).map(({ rule, message }) => this.texts.errors[rule] ?? message);
  }

  private done(title: string, text: string, appUrl: string | null): Html {
    return this.page(
      title,
      html`<p role="status">${text}</p>
        ${appUrl && html`<p><a href="${appUrl}">${this.texts.toApp}</a></p>`}`,
    );
  }

  /** Shown by the script where the browser knows passkeys. */
  private passkey(): Html {
    return html`<input type="hidden" name="credential" />
      <button type="button" id="passkey" hidden>${this.texts.passkey}</button>${SCRIPT_ELEMENT}`;
  }

  /** The account is shown for password managers. */
  private account(token: string, email: string): Html {
    return html`<input type="hidden" name="token" value="${token}" />
      <label for="email">${this.texts.account}</label>
      <input id="email" name="email" type="email" autocomplete="username" readonly value="${email}" />`;
  }

  /** URLs are relative, because the service may run under a path prefix. */
  private form(action: string, title: string, messages: string[], text: string | Html | null, fields: Html): Html {
    return this.page(
      title,
      html`${errorList(messages)} ${text && html`<p>${text}</p>`}
        <form method="post" action="../pages/${action}?lang=${this.locale}">${fields}</form>`,
    );
  }

  private page(title: string, content: Html): Html {
    const main = html`<main>
      <h1>${title}</h1>
      ${content}
    </main>`;
    return htmlDocument(title, STYLE_ELEMENT, main, this.locale, this.direction);
  }
}

function errorList(messages: string[]): Html | null {
  if (messages.length === 0) return null;
  return html`<div class="errors" id="errors" role="alert">
    <ul>
      ${messages.map((message) => html`<li>${message}</li>`)}
    </ul>
  </div>`;
}
