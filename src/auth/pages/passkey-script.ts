/** Fills in the form's `credential` from a passkey and sends the form, without the code that it stands for. */
export const PASSKEY_SCRIPT = `'use strict';
const button = document.getElementById('passkey');
const { form } = button;
button.hidden = !window.PublicKeyCredential?.parseRequestOptionsFromJSON;
button.addEventListener('click', async () => {
  const code = form.elements.code;
  if (code) code.required = false;
  try {
    if (!form.reportValidity()) return;
    const answer = await fetch('../passkeys/options', { method: 'POST' });
    const { options } = await answer.json();
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    const credential = await navigator.credentials.get({ publicKey });
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch {
    // Cancelled or refused: the form offers its other ways.
  } finally {
    if (code) code.required = true;
  }
});
`;
