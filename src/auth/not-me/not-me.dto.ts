import { OptionalField } from '../../common/dto/text-fields.js';
import { LinkTokenBody } from '../email/links.dto.js';
import { CodeField } from '../mfa/mfa.dto.js';
import { CredentialInForm, OptionalCredentialField } from '../passkeys/credential-field.js';

export class NotMeBody extends LinkTokenBody {
  @OptionalField()
  @CodeField()
  code?: string;

  /** Answers the challenge of `POST /auth/passkeys/options`. */
  @OptionalCredentialField()
  credential?: Record<string, unknown>;
}

export class NotMeFormBody extends NotMeBody {
  @CredentialInForm()
  declare credential?: Record<string, unknown>;
}
