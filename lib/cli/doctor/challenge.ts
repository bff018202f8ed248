/** Parameters of a Bearer challenge (RFC 6750 section 3, RFC 9728 section 5.1). */
export type ChallengeParameters = Readonly<Record<string, string>>;

/** @returns undefined where there is no Bearer challenge */
export function readChallenge(header: string | undefined): ChallengeParameters | undefined {
  const match = /(?:^|,\s*)Bearer(?:\s+(.*))?$/i.exec(header ?? '');
  if (!match) return undefined;
  const parameters: Record<string, string> = {};
  for (const [, name = '', quoted, plain] of (match[1] ?? '').matchAll(
    /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g,
  ))
    parameters[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
  return parameters;
}
