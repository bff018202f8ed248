/** The two people of every profile, before a provider puts its own claims on them. */
export const alice = {
  name: 'Alice Adams',
  given_name: 'Alice',
  family_name: 'Adams',
  email: 'alice@acme.example',
  email_verified: true,
} as const;

export const bob = {
  name: 'Bob Brown',
  given_name: 'Bob',
  family_name: 'Brown',
  email: 'bob@acme.example',
  email_verified: true,
} as const;
