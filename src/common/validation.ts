import { ValidationError, ValidationPipe } from '@nestjs/common';
import { AppError, ErrorDetail } from './errors.js';

function details(errors: ValidationError[], parent = ''): ErrorDetail[] {
  return errors.flatMap((error) => {
    const field = parent + error.property;
    const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
      field,
      message: rule === 'whitelistValidation' ? `${field} is not a field of this request` : message,
    }));
    return [...own, ...details(error.children ?? [], `${field}.`)];
  });
}

/** Checks bodies and queries against their DTO classes; a field the class does not know is an error that names it. */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    // A missing body is checked like an empty object, so that the answer names the fields.
    forbidUnknownValues: false,
    exceptionFactory: (errors) => new AppError('validation_failed', { details: details(errors) }),
  });
}
