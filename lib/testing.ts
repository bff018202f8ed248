export type { ConnectClientOptions, ConnectedTestClient } from './testing/connect-client.ts';
export { connectClient } from './testing/connect-client.ts';
export type {
  FakeIdentityProvider,
  FakeIdentityProviderOptions,
  FakeOutbound,
} from './testing/fake-identity-provider.ts';
export { joinOutbound, startIdentityProvider } from './testing/fake-identity-provider.ts';
export { idTokenFaults } from './testing/id-token-faults.ts';
export type { SimulatedLogin } from './testing/logins.ts';
export type { EndpointFault, IdTokenHook, JsonRewrite, Misbehaviour } from './testing/misbehaviour.ts';
export type {
  Fact,
  LogoutForm,
  ProviderBehaviour,
  ProviderProfile,
  RefreshTokenRule,
  SigningAlgorithm,
  SimulatedUser,
} from './testing/profile.ts';
export type { ProviderName } from './testing/profiles.ts';
export { providerProfiles } from './testing/profiles.ts';
export type { RecordedRequest } from './testing/request.ts';
export type { SigningMethod, SignToken } from './testing/signer.ts';
