import type { IncomingMessage } from 'node:http';

/** Options of `auth.admin()`. */
export interface AdminOptions {
  /**
   * Says who asks, as text that events name, such as a user name; undefined refuses with 403. Asked for every request, pages
   * and documents too. There is no default: without it nothing is mounted.
   * @example guard: (req) => (req.session.roles.includes('admin') ? req.session.user : undefined)
   */
  readonly guard: (req: IncomingMessage) => string | undefined | Promise<string | undefined>;
  /** Origin of the issuer that is administered, where there are several. @defaultValue the configured issuer */
  readonly origin?: string;
}
