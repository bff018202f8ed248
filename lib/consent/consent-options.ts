/** What people are asked, and how often. */
export interface ConsentOptions {
  /**
   * How long a person may let an approval be remembered, seconds; it ends earlier with the grant it was given with. An
   * approval counts for the same client, redirect URI, resource and scopes only. Integer, 0 (always ask) to 31536000.
   * @defaultValue 2592000
   */
  readonly rememberSeconds?: number;
}
