import { OptionalField } from '../../common/dto/text-fields.js';
import { LinkTokenBody } from '../email/links.dto.js';
import { CodeField } from '../mfa/mfa.dto.js';

export class NotMeBody extends LinkTokenBody {
  @OptionalField()
  @CodeField()
  code?: string;
}
