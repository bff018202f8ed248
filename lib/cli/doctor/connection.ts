import type { Certificate } from './certificate.ts';
import type { DeploymentOptions } from './deployment.ts';

/** What is known before anything is asked. */
export interface Connection {
  readonly options: DeploymentOptions;
  /** undefined where the URL is not https. */
  certificate(): Promise<Certificate | undefined>;
}
