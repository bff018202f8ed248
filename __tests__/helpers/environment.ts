import { TestEnvironment } from 'jest-environment-node';

const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'];

/** Node's environment, and in it the dispatcher of `fetch`: oidc-provider looks for it among the globals. */
export default class FetchEnvironment extends TestEnvironment {
  override async setup(): Promise<void> {
    await super.setup();
    void Response; // Node makes the dispatcher when it is first asked for one of these.
    for (const name of DISPATCHERS) {
      const key = Symbol.for(name);
      Object.defineProperty(this.global, key, {
        value: Reflect.get(globalThis, key),
        configurable: true,
        writable: true,
      });
    }
  }
}
