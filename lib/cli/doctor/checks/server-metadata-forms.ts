import { type Check, Missing } from '../check.ts';
import { type Deployment, documentProblem } from '../deployment.ts';
import { metadataForms } from '../well-known.ts';

/** Whether the server metadata is wherever some client looks. */
export const serverMetadataForms: Check<Deployment> = {
  id: 'server-metadata-forms',
  severity: 'warning',
  looksAt:
    'Every other place where clients look for server metadata answers the same document: the OpenID Connect name, with the path of issuer or endpoint inserted or appended.',
  hurts: 'Zed, Goose, clients of MCP 2025-03-26 and of OpenID Connect libraries, each of which tries other places.',
  mend: 'Let `auth` see the whole of `/.well-known/*`, and paths that end with `/.well-known/openid-configuration`.',
  run: async ({ probe, issuer, endpoint, serverMetadata }) => {
    const own = await serverMetadata();
    if (documentProblem(own) !== undefined) throw new Missing('there is no server metadata at its own place');
    let mcp: URL | undefined;
    try {
      mcp = endpoint();
    } catch {
      mcp = undefined;
    }
    const problems: string[] = [];
    for (const url of metadataForms(new URL(await issuer()), mcp).filter((form) => form !== own.url)) {
      const answer = await probe.send(url);
      const problem =
        documentProblem(answer) ??
        (answer.json?.issuer === own.json?.issuer ? undefined : `${url} names another issuer`);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  },
};
