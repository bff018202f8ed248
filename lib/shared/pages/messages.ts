import { type Html, html } from '../html.ts';

/**
 * Every text of the pages in one language. `{name}` stands for a value. `scopes` says in words what a scope allows; a scope
 * that is missing there is shown as it is.
 */
export interface PageMessages {
  readonly common: {
    readonly reference: string;
    readonly errorCode: string;
    readonly help: string;
    readonly address: string;
    readonly tryAgain: string;
    readonly goBack: string;
  };
  readonly scopes: Readonly<Record<string, string>>;
  readonly consent: {
    readonly title: string;
    readonly unnamed: string;
    readonly unverified: string;
    readonly unverifiedHint: string;
    readonly domain: string;
    readonly domainHint: string;
    readonly operator: string;
    readonly operatorHint: string;
    readonly permissions: string;
    readonly redirect: string;
    readonly access: string;
    readonly account: string;
    readonly loopback: string;
    readonly privateScheme: string;
    readonly signInNext: string;
    readonly services: string;
    readonly remember: string;
    readonly allow: string;
    readonly deny: string;
  };
  readonly connect: {
    readonly title: string;
    readonly service: string;
    readonly shared: string;
    readonly next: string;
    readonly connect: string;
    readonly connectService: string;
    readonly listTitle: string;
    readonly listLead: string;
    readonly required: string;
    readonly optional: string;
    readonly connected: string;
    readonly waiting: string;
    readonly notConnected: string;
    readonly proceed: string;
    readonly cancel: string;
    readonly doneTitle: string;
    readonly done: string;
  };
  readonly chooser: {
    readonly title: string;
    readonly lead: string;
    readonly email: string;
    readonly proceed: string;
    readonly unknownEmail: string;
  };
  readonly devLogin: {
    readonly title: string;
    readonly warning: string;
    readonly name: string;
    readonly roles: string;
    readonly signIn: string;
  };
  readonly connections: {
    readonly title: string;
    readonly account: string;
    readonly clients: string;
    readonly noClients: string;
    readonly since: string;
    readonly lastUse: string;
    readonly neverUsed: string;
    readonly revoke: string;
    readonly revokeLabel: string;
    readonly revokeAll: string;
    readonly more: string;
    readonly first: string;
    readonly upstreams: string;
    readonly upstreamsHint: string;
    readonly connectedSince: string;
    readonly disconnect: string;
    readonly disconnectLabel: string;
    readonly signOut: string;
    readonly signOutEverywhere: string;
    readonly signOutHint: string;
    readonly revoked: string;
    readonly disconnected: string;
  };
  readonly signedOut: { readonly title: string; readonly text: string; readonly hint: string };
  readonly errors: Readonly<Record<PageErrorKind, PageErrorText>>;
}

/** What happened, and what to do about it. */
export interface PageErrorText {
  readonly title: string;
  readonly text: string;
  readonly advice: string;
}

/** Every error that a person may see. */
export type PageErrorKind =
  | 'clientUnknown'
  | 'clientUnverifiable'
  | 'devLoginRefused'
  | 'expired'
  | 'failed'
  | 'linkExpired'
  | 'linkOfAnother'
  | 'notConnected'
  | 'notUsable'
  | 'providerUnavailable'
  | 'redirectUnproven'
  | 'redirectUnregistered'
  | 'requestInvalid'
  | 'serviceUnavailable'
  | 'signInExpired'
  | 'signInFailed'
  | 'unavailable'
  | 'userRefused';

/** What `pages.messages` may give for a language: any part of a catalogue. */
export type PartialPageMessages = {
  readonly [Group in keyof PageMessages]?: Group extends 'errors'
    ? { readonly [Kind in PageErrorKind]?: Partial<PageErrorText> }
    : Partial<PageMessages[Group]>;
};

/** A catalogue with parts replaced. */
export function withMessages(base: PageMessages, changes: PartialPageMessages): PageMessages {
  const merge = (left: object, right: object): object =>
    Object.fromEntries(
      [...new Set([...Object.keys(left), ...Object.keys(right)])].map((name) => {
        const [one, other] = [left[name as never], right[name as never]] as unknown[];
        const isGroup = typeof one === 'object' && typeof other === 'object';
        return [name, isGroup ? merge(one as object, other as object) : (other ?? one)];
      }),
    );
  return merge(base, changes) as PageMessages;
}

const placeholder = /\{(\w+)\}/;

/** A message with its values as markup. Each value is isolated, so that its direction does not disturb the sentence around it. */
export function fill(message: string, values: Readonly<Record<string, Html | string>>): Html {
  const parts = message.split(placeholder);
  return html`${parts.map((part, index) => (index % 2 === 0 ? part : html`<bdi>${values[part] ?? ''}</bdi>`))}`;
}

/** As {@link fill}, as plain text: for titles and labels. Isolates by U+2068 and U+2069. */
export function fillText(message: string, values: Readonly<Record<string, string>>): string {
  return message
    .split(placeholder)
    .map((part, index) => (index % 2 === 0 ? part : `\u2068${values[part] ?? ''}\u2069`))
    .join('');
}
