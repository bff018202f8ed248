import type { OptionReader } from '../../lib/shared/option-reader.ts';
import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { isUuid, uuidRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link entra}: one tenant, or a list of them. */
export interface EntraOptions extends IdentityPresetOptions {
  /** Directory (tenant) id. */
  readonly tenantId?: string;
  /** Directory ids that may sign in, for an application of several tenants, instead of `tenantId`. */
  readonly allowedTenants?: readonly string[];
  /** @defaultValue 'global' */
  readonly cloud?: EntraCloud;
}

/** Clouds with hosts of their own. */
export type EntraCloud = 'global' | 'us-government' | 'china';

const hosts: Readonly<Record<EntraCloud, string>> = {
  global: 'login.microsoftonline.com',
  'us-government': 'login.microsoftonline.us',
  china: 'login.partner.microsoftonline.cn',
};

/**
 * Microsoft Entra ID. A user is named by `tid` and `oid`, since `sub` differs by application. Roles are the app roles and
 * the groups of the ID token.
 * @example entra({ tenantId: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490', clientId, clientSecret })
 * @example entra({ allowedTenants: [ours, theirs], clientId, clientSecret })
 * @throws ConfigurationError
 */
export function entra(options: EntraOptions): IdentityPreset {
  return createPreset(
    {
      name: 'entra',
      ownNames: ['tenantId', 'allowedTenants', 'cloud'],
      clientIdRule: uuidRule('the application (client) id'),
      describe: (read) => ({
        oidc: readTenants(read, `https://${hosts[readCloud(read)]}`),
        browserLogin: { promptValues: ['login', 'none', 'consent', 'select_account'] },
        // The ID token says more than userinfo, which is at Microsoft Graph.
        identity: { subjectClaims: ['tid', 'oid'], rolesClaims: ['roles', 'groups'], userinfo: 'never' },
      }),
    },
    options,
  );
}

function readCloud(read: OptionReader): EntraCloud {
  const names = Object.keys(hosts);
  const what = `one of ${names.map((name) => `'${name}'`).join(', ')}`;
  return (read.string('cloud', { what, accept: (text) => names.includes(text) }) ?? 'global') as EntraCloud;
}

/** The discovery document for several tenants has an issuer with the literal `{tenantid}`. */
function readTenants(read: OptionReader, base: string) {
  if (!read.has('allowedTenants')) {
    const what = "the directory (tenant) id; 'common', 'organizations' and 'consumers' are none: name allowedTenants";
    return { issuer: `${base}/${requiredText(read, 'tenantId', uuidRule(what))}/v2.0` };
  }
  if (read.has('tenantId')) read.problem('tenantId', 'must not be given beside allowedTenants');
  const what = "directory (tenant) ids, UUIDs such as '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'";
  const allowedTenants = read.strings('allowedTenants', { what, accept: isUuid }) ?? [];
  if (allowedTenants.length === 0 && read.problems.length === 0)
    read.problem('allowedTenants', `must name at least one of the ${what}`);
  return {
    issuer: `${base}/{tenantid}/v2.0`,
    allowedTenants,
    discoveryUrl: `${base}/organizations/v2.0/.well-known/openid-configuration`,
  };
}
