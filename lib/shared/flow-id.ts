import { randomBytes } from 'node:crypto';

/** A reference for a request that is part of no authorization: the page shows it, the event carries it. */
export function newFlowId(): string {
  return randomBytes(12).toString('base64url');
}

const given = new WeakMap<object, string>();

/** The same reference wherever one request asks for it. @param request any object that stands for it */
export function flowIdOf(request: object): string {
  const known = given.get(request) ?? newFlowId();
  given.set(request, known);
  return known;
}
