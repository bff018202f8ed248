import type { ProviderProfile } from './profile.ts';
import { auth0 } from './profiles/auth0.ts';
import { authelia } from './profiles/authelia.ts';
import { authentik } from './profiles/authentik.ts';
import { clerk } from './profiles/clerk.ts';
import { cognito } from './profiles/cognito.ts';
import { descope } from './profiles/descope.ts';
import { entra, entraMultiTenant, entraUsGovernment } from './profiles/entra.ts';
import { generic } from './profiles/generic.ts';
import { github } from './profiles/github.ts';
import { gitlab } from './profiles/gitlab.ts';
import { google } from './profiles/google.ts';
import { keycloak } from './profiles/keycloak.ts';
import { logto } from './profiles/logto.ts';
import { okta, oktaCustomServer } from './profiles/okta.ts';
import { onelogin } from './profiles/onelogin.ts';
import { ping, pingCustomDomain } from './profiles/ping.ts';
import { pingfederate } from './profiles/pingfederate.ts';
import { supabase } from './profiles/supabase.ts';
import { workos, workosConnect } from './profiles/workos.ts';
import { zitadel } from './profiles/zitadel.ts';

/** Every provider that can be simulated, by name: built from public documentation, not checked against the running services. */
export const providerProfiles = {
  generic,
  auth0,
  clerk,
  cognito,
  entra,
  entraMultiTenant,
  entraUsGovernment,
  google,
  keycloak,
  logto,
  okta,
  oktaCustomServer,
  onelogin,
  ping,
  pingCustomDomain,
  workos,
  workosConnect,
  github,
  gitlab,
  supabase,
  descope,
  zitadel,
  authentik,
  authelia,
  pingfederate,
} as const satisfies Record<string, ProviderProfile>;

/** A name of {@link providerProfiles}. */
export type ProviderName = keyof typeof providerProfiles;
