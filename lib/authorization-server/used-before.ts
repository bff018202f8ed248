import { errors } from 'oidc-provider';

/** What is read of a code or token. */
export interface IssuedModel {
  readonly accountId?: string;
  readonly aud?: unknown;
  readonly grantId?: string;
  readonly resource?: unknown;
}

const presented = new WeakMap<object, IssuedModel>();

/** The refusal of what was used up already. oidc-provider has not taken note of a code by then, so the error knows it. */
export function usedBefore(what: string, model?: IssuedModel): errors.InvalidGrant {
  const error = new errors.InvalidGrant(`${what} was used before`);
  if (model) presented.set(error, model);
  return error;
}

/** What was presented that had been used before; undefined for other errors. */
export function presentedAgain(error: object): IssuedModel | undefined {
  return presented.get(error);
}
